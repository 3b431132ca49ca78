//! The check of an order's lines.

use std::borrow::Cow;

use super::{CheckedCurrency, Given, optional, required, text_field};
use crate::fault::Fault;
use crate::money::Money;
use crate::order::{Line, MAX_LINES};
use crate::quantity::Quantity;
use crate::text::{ProductName, Sku};

/// A line as it comes in.
#[derive(Debug, Clone, Default)]
pub struct LineDraft<'a> {
    /// Optional.
    pub sku: Given<Cow<'a, str>>,
    /// Required.
    pub product_name: Given<Cow<'a, str>>,
    /// Required: a decimal with at most three fraction digits.
    pub quantity: Given<Cow<'a, str>>,
    /// A decimal in major units; it or `total` is required.
    pub unit_price: Given<Cow<'a, str>>,
    /// A decimal in major units; quantity times unit price by default.
    pub total: Given<Cow<'a, str>>,
}

/// Checks all lines; `None` if any of them has a fault.
pub(super) fn check_lines(
    drafts: Vec<LineDraft<'_>>,
    currency: CheckedCurrency,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Line>> {
    if drafts.len() > MAX_LINES {
        faults.push(Fault::new(
            "/lines",
            "too_many",
            format!("holds more than {MAX_LINES} lines"),
        ));
        return None;
    }
    let count = drafts.len();
    let mut lines = Vec::with_capacity(count);
    for (index, draft) in drafts.into_iter().enumerate() {
        // Pointers are only built if there is a fault: a good line costs no allocation for them.
        let mut here = Vec::new();
        lines.extend(check_line(draft, currency, &mut here));
        faults.extend(here.into_iter().map(|fault| Fault {
            pointer: if fault.pointer.is_empty() {
                format!("/lines/{index}")
            } else {
                format!("/lines/{index}/{}", fault.pointer)
            },
            ..fault
        }));
    }
    (lines.len() == count).then_some(lines)
}

fn check_line(
    draft: LineDraft<'_>,
    currency: CheckedCurrency,
    faults: &mut Vec<Fault>,
) -> Option<Line> {
    let sku = optional(draft.sku, |text| text_field(Sku::new(&text), "sku", faults));
    let product_name = required(draft.product_name, "product_name", faults)
        .and_then(|text| text_field(ProductName::new(&text), "product_name", faults));
    let quantity = required(draft.quantity, "quantity", faults).and_then(|text| {
        Quantity::parse(&text)
            .map_err(|error| faults.push(Fault::new("quantity", error.code(), error.to_string())))
            .ok()
    });
    let has_price = !matches!(
        (&draft.unit_price, &draft.total),
        (Given::Missing, Given::Missing)
    );
    if !has_price {
        faults.push(Fault::new("", "required", "needs unit_price or total"));
    }
    let unit_price = optional(draft.unit_price, |text| {
        currency.money(&text, "unit_price", faults)
    });
    let total = optional(draft.total, |text| currency.money(&text, "total", faults));
    let quantity = quantity?;
    let (unit_price, total_minor) = match (unit_price?, total?) {
        (Some(unit_price), Some(total)) => {
            let agrees = Line::prices_agree(quantity, unit_price.minor(), total.minor());
            if !agrees && currency.is_known {
                faults.push(disagreement(quantity, unit_price, total));
            }
            (Some(unit_price), agrees.then_some(total.minor()))
        }
        (None, Some(total)) => (None, Some(total.minor())),
        (Some(unit_price), None) => {
            let total = Line::exact_total(quantity, unit_price.minor());
            if total.is_none() && currency.is_known {
                faults.push(inexact(quantity, unit_price));
            }
            (Some(unit_price), total)
        }
        (None, None) => return None,
    };
    Some(Line {
        sku: sku?,
        product_name: product_name?,
        quantity,
        unit_price_minor: unit_price.map(Money::minor),
        total_minor: total_minor?,
    })
}

fn disagreement(quantity: Quantity, unit_price: Money, total: Money) -> Fault {
    Fault::new(
        "total",
        "not_the_product",
        format!(
            "is {total}, but {quantity} x {unit_price} is {}; send the total that was charged, and the unit price only if \
             it is that total divided by the quantity",
            product(quantity, unit_price)
        ),
    )
}

fn inexact(quantity: Quantity, unit_price: Money) -> Fault {
    let exact = u128::from(quantity.thousandths()) * u128::from(unit_price.minor());
    if exact / u128::from(Quantity::PER_WHOLE) > u128::from(Money::MAX_MINOR) {
        return Fault::new(
            "",
            "out_of_range",
            format!("costs more than {} minor units", Money::MAX_MINOR),
        );
    }
    Fault::new(
        "total",
        "required",
        format!(
            "is required: {quantity} x {unit_price} is {}, which {} cannot express; send the rounded total",
            product(quantity, unit_price),
            unit_price.currency()
        ),
    )
}

/// Quantity times unit price with every digit, for a message.
fn product(quantity: Quantity, unit_price: Money) -> String {
    let exact = u128::from(quantity.thousandths()) * u128::from(unit_price.minor());
    let scale = usize::from(Quantity::SCALE + unit_price.currency().exponent());
    let digits = format!("{exact:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}
