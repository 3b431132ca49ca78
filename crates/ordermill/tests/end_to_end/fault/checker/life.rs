//! Whether an order's life, as its events tell it, is one that the state machine allows. The table is this checker's
//! own, written from the design and not from the product.

use super::Violation;
use crate::fault::readback::Kept;

/// From which status an event may come, and to which it leads. "" is before the creation.
const TRANSITIONS: [(&str, &[&str], &str); 9] = [
    ("order.created", &[""], "PENDING"),
    ("order.processing", &["PENDING", "RETRYING"], "PROCESSING"),
    ("order.retrying", &["PROCESSING"], "RETRYING"),
    ("order.processed", &["PROCESSING"], "PROCESSED"),
    ("order.failed", &["PROCESSING"], "FAILED"),
    ("order.held", &["PENDING"], "ON_HOLD"),
    ("order.released", &["ON_HOLD"], "PENDING"),
    (
        "order.cancelled",
        &["PENDING", "ON_HOLD", "RETRYING", "FAILED"],
        "CANCELLED",
    ),
    ("order.replayed", &["FAILED"], "PENDING"),
];

const FINAL: [&str; 2] = ["PROCESSED", "CANCELLED"];

/// Walks the events of one order.
pub(super) fn check(kept: &Kept, violations: &mut Vec<Violation>) {
    let order = &kept.order;
    let versions: Vec<u64> = kept.events.iter().map(|event| event.version).collect();
    let is_gapless = versions
        .iter()
        .zip(1..)
        .all(|(version, expected)| *version == expected);
    let names_match = kept
        .events
        .iter()
        .all(|event| event.event_id == format!("{}:{}", order.id, event.version));
    if versions.is_empty() || !is_gapless || !names_match {
        violations.push(Violation::VersionsHaveGaps {
            order_id: order.id.clone(),
            versions,
        });
    }

    let mut standing = "";
    for event in &kept.events {
        let allowed = TRANSITIONS.iter().any(|(name, from, to)| {
            *name == event.event_type && from.contains(&standing) && *to == event.status
        });
        let (order_id, version) = (order.id.clone(), event.version);
        let (from, event_type) = (standing.to_owned(), event.event_type.clone());
        if FINAL.contains(&standing) {
            violations.push(Violation::FinalChanged {
                order_id,
                version,
                from,
                event: event_type,
            });
        } else if !allowed {
            violations.push(Violation::IllegalTransition {
                order_id,
                version,
                from,
                event: event_type,
            });
        }
        standing = &event.status;
    }

    let last = kept
        .events
        .last()
        .map(|event| (event.status.clone(), event.version));
    let shown = (order.status.clone(), order.version);
    if last.as_ref() != Some(&shown) {
        violations.push(Violation::OrderIsNotItsLastEvent {
            order_id: order.id.clone(),
            order: shown,
            event: last,
        });
    }
}
