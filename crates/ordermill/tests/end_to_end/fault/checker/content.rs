//! Whether an order and its receipt say what was asked for.

use super::Violation;
use crate::fault::facts::{Facts, MARKER, decimal, quantity, signed_decimal};
use crate::fault::readback::{Kept, OrderView};

/// Compares one order and its receipt with the facts of its creation.
pub(super) fn check(facts: &Facts, kept: &Kept, violations: &mut Vec<Violation>) {
    let order = &kept.order;
    if let Some(what) = difference(facts, order) {
        violations.push(Violation::ContentDiffers {
            order_id: order.id.clone(),
            what,
        });
    }
    let expected = facts.receipt(&order.id, &order.created_at);
    match (&kept.receipt, order.status == "PROCESSED") {
        (None, false) => {}
        (None, true) => violations.push(Violation::ReceiptMissing {
            order_id: order.id.clone(),
        }),
        (Some(_), false) => violations.push(Violation::ReceiptTooEarly {
            order_id: order.id.clone(),
            status: order.status.clone(),
        }),
        (Some(text), true) if *text == expected => {}
        (Some(text), true) => violations.push(Violation::ReceiptDiffers {
            order_id: order.id.clone(),
            kept: text.clone(),
            expected,
        }),
    }
}

/// The first fact in which they differ. Public to the fault tests: an answer is compared the same way.
pub(super) fn difference(facts: &Facts, order: &OrderView) -> Option<String> {
    let differs = |what: &str, asked: &dyn std::fmt::Debug, kept: &dyn std::fmt::Debug| {
        let (asked, kept) = (format!("{asked:?}"), format!("{kept:?}"));
        (asked != kept).then(|| format!("{what}: asked for {asked}, kept {kept}"))
    };
    let price = |minor| decimal(minor, &facts.currency);
    let asked_lines: Vec<_> = facts
        .lines
        .iter()
        .map(|line| {
            (
                line.sku.clone(),
                line.product_name.clone(),
                quantity(line.quantity_thousandths),
                line.unit_price_minor.map(price),
                price(line.total_minor),
            )
        })
        .collect();
    let kept_lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| {
            (
                line.sku.clone(),
                line.product_name.clone(),
                line.quantity.get().to_owned(),
                line.unit_price.as_ref().map(|price| price.get().to_owned()),
                line.total.get().to_owned(),
            )
        })
        .collect();
    let asked_adjustments: Vec<_> = facts
        .adjustments
        .iter()
        .map(|adjustment| {
            (
                adjustment.kind.clone(),
                adjustment.label.clone(),
                signed_decimal(adjustment.amount_minor, &facts.currency),
                adjustment.included,
            )
        })
        .collect();
    let kept_adjustments: Vec<_> = order
        .adjustments
        .iter()
        .map(|adjustment| {
            (
                adjustment.kind.clone(),
                adjustment.label.clone(),
                adjustment.amount.get().to_owned(),
                adjustment.included,
            )
        })
        .collect();
    let mut metadata = std::collections::BTreeMap::new();
    metadata.insert(MARKER.to_owned(), facts.marker.clone());
    if let Some(note) = &facts.note {
        metadata.insert("note".to_owned(), note.clone());
    }
    let amount = decimal(facts.amount_minor, &facts.currency);
    differs("user_id", &facts.user_id, &order.user_id)
        .or_else(|| differs("external_id", &facts.external_id, &order.external_id))
        .or_else(|| differs("source", &facts.source, &order.source))
        .or_else(|| differs("currency", &facts.currency, &order.currency))
        .or_else(|| differs("amount", &amount.as_str(), &order.amount.get()))
        .or_else(|| differs("lines", &asked_lines, &kept_lines))
        .or_else(|| differs("adjustments", &asked_adjustments, &kept_adjustments))
        .or_else(|| differs("metadata", &metadata, &order.metadata))
}
