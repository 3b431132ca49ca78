//! The check of an order's adjustments.

use std::borrow::Cow;

use super::{CheckedCurrency, Given, optional, required, text_field};
use crate::adjustment::{Adjustment, AdjustmentKind, MAX_ADJUSTMENTS};
use crate::fault::Fault;
use crate::text::Label;

/// An adjustment as it comes in.
#[derive(Debug, Clone, Default)]
pub struct AdjustmentDraft<'a> {
    /// Required: the name of an [`AdjustmentKind`].
    pub kind: Given<Cow<'a, str>>,
    /// Optional.
    pub label: Given<Cow<'a, str>>,
    /// Required: a signed decimal in major units.
    pub amount: Given<Cow<'a, str>>,
    /// Optional; false by default, true for taxes only.
    pub included: Given<bool>,
}

/// Checks all adjustments; `None` if any of them has a fault.
pub(super) fn check_adjustments(
    drafts: Vec<AdjustmentDraft<'_>>,
    currency: CheckedCurrency,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Adjustment>> {
    if drafts.len() > MAX_ADJUSTMENTS {
        faults.push(Fault::new(
            "/adjustments",
            "too_many",
            format!("holds more than {MAX_ADJUSTMENTS} adjustments"),
        ));
        return None;
    }
    let count = drafts.len();
    let mut adjustments = Vec::with_capacity(count);
    for (index, draft) in drafts.into_iter().enumerate() {
        let mut here = Vec::new();
        adjustments.extend(check_adjustment(draft, currency, &mut here));
        faults.extend(here.into_iter().map(|fault| Fault {
            pointer: format!("/adjustments/{index}/{}", fault.pointer),
            ..fault
        }));
    }
    (adjustments.len() == count).then_some(adjustments)
}

fn check_adjustment(
    draft: AdjustmentDraft<'_>,
    currency: CheckedCurrency,
    faults: &mut Vec<Fault>,
) -> Option<Adjustment> {
    let kind = required(draft.kind, "kind", faults).and_then(|name| {
        let kind = AdjustmentKind::from_name(&name);
        if kind.is_none() {
            let known = AdjustmentKind::ALL.map(AdjustmentKind::as_str).join(", ");
            faults.push(Fault::new(
                "kind",
                "unknown_value",
                format!("must be one of {known}"),
            ));
        }
        kind
    });
    let label = optional(draft.label, |text| {
        text_field(Label::new(&text), "label", faults)
    });
    let amount_minor = required(draft.amount, "amount", faults)
        .and_then(|text| currency.signed_money(&text, "amount", faults));
    let included = match draft.included {
        Given::Missing => Some(false),
        Given::Faulty => None,
        Given::Value(included) => Some(included),
    };
    let wrong_sign = kind
        .zip(amount_minor)
        .and_then(|(kind, amount_minor)| kind.sign_fault(amount_minor));
    if let Some(detail) = wrong_sign {
        faults.push(Fault::new("amount", "out_of_range", detail));
    }
    let wrongly_included =
        included == Some(true) && kind.is_some_and(|kind| kind != AdjustmentKind::Tax);
    if wrongly_included {
        faults.push(Fault::new(
            "included",
            "not_allowed",
            "is for kind tax only: a tax that the prices contain already",
        ));
    }
    if wrong_sign.is_some() || wrongly_included {
        return None;
    }
    Some(Adjustment {
        kind: kind?,
        label: label?,
        amount_minor: amount_minor?,
        included: included?,
    })
}
