//! The amount of an order against the sum of its lines and adjustments: equal, within the mapping's tolerance, or a fault
//! that names the difference and its likely cause.

use std::borrow::Cow;

use domain::{AdjustmentDraft, AdjustmentKind, Currency, Given, PlaceOrder};

use crate::values::Number;

/// How the amount of an order differs from the sum.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    /// Not at all.
    None,
    /// By this many minor units, which the mapping tolerates.
    Tolerated(i64),
    /// By more.
    Refused {
        /// A stable word.
        code: &'static str,
        /// A sentence that follows the cell.
        reason: String,
    },
}

impl Difference {
    /// Compares; `order` was checked without its amount, so that it has the sum.
    pub fn of(given: Number, order: &PlaceOrder, tolerance: Option<Number>) -> Self {
        let currency = order.amount.currency();
        let exponent = currency.exponent();
        let sum = Number::of_units(i128::from(order.amount.minor()), exponent);
        let Some(difference) = given.plus(sum.negated()) else {
            return Self::Refused {
                code: "out_of_range",
                reason: "is more than any amount".to_owned(),
            };
        };
        if difference.is_zero() {
            return Self::None;
        }
        if difference.fraction_digits() > u32::from(exponent) {
            let reason = format!(
                "has more than {exponent} digits after the point, which {currency} does not have; set round = \"half_even\" in \
                 the mapping to round it"
            );
            return Self::Refused {
                code: "too_precise",
                reason,
            };
        }
        let minor = difference
            .units(exponent)
            .and_then(|units| i64::try_from(units).ok());
        let is_tolerated = tolerance.is_some_and(|tolerance| {
            let rest = tolerance.plus(difference.magnitude().negated());
            rest.is_some_and(|rest| !rest.is_negative())
        });
        match minor {
            Some(minor) if is_tolerated => Self::Tolerated(minor),
            _ => Self::Refused {
                code: "not_the_sum",
                reason: reason(difference, sum, order, exponent),
            },
        }
    }
}

/// The adjustment that keeps a tolerated difference.
pub fn rounding_adjustment(minor: i64, currency: Currency) -> AdjustmentDraft<'static> {
    let amount = Number::of_units(i128::from(minor), currency.exponent());
    AdjustmentDraft {
        kind: Given::Value(Cow::Borrowed(AdjustmentKind::Rounding.as_str())),
        label: Given::Missing,
        amount: Given::Value(Cow::Owned(amount.to_string())),
        included: Given::Missing,
    }
}

fn reason(difference: Number, sum: Number, order: &PlaceOrder, exponent: u8) -> String {
    let direction = if difference.is_negative() {
        "less"
    } else {
        "more"
    };
    let what = if order.adjustments.is_empty() {
        "the lines"
    } else {
        "the lines and adjustments"
    };
    let cause = cause(difference, order, exponent);
    format!(
        "is {} {direction} than the sum of {what}, which is {sum}{cause}",
        difference.magnitude()
    )
}

/// What the difference is, if it is one of the usual things.
fn cause(difference: Number, order: &PlaceOrder, exponent: u8) -> &'static str {
    let units = difference.units(exponent).unwrap_or(0);
    let taxes: i128 = order
        .adjustments
        .iter()
        .filter(|own| own.kind == AdjustmentKind::Tax && !own.included)
        .map(|own| i128::from(own.amount_minor))
        .sum();
    if taxes != 0 && units == -taxes {
        return "; the difference is the tax: set included = true if the prices contain it";
    }
    let totals: i128 = order
        .lines
        .iter()
        .map(|line| i128::from(line.total_minor))
        .sum();
    let prices: Option<i128> = order
        .lines
        .iter()
        .map(|line| line.unit_price_minor.map(i128::from))
        .sum();
    if prices.is_some_and(|prices| prices != totals && prices - totals == units) {
        return "; it would fit if line.unit_price were the total of each line: map that column as line.total";
    }
    ""
}
