//! Whether what is there agrees with what the clients were told, request by request and key by key.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Violation;
use super::content::difference;
use crate::fault::history::{Answer, CancelOutcome, Operation, Outcome};
use crate::fault::readback::{Kept, OrderView, ReadBack};

/// Judges one order that was asked for; `found` are the orders that carry its marker.
pub(super) fn check(
    operation: &Operation,
    found: &[&Kept],
    readback: &ReadBack,
    violations: &mut Vec<Violation>,
) {
    let marker = || operation.facts.marker.clone();
    let found_ids: BTreeSet<String> = found.iter().map(|kept| kept.order.id.clone()).collect();

    for request in &operation.requests {
        if let Outcome::Ok(answer) = &request.outcome {
            check_answer(operation, answer, request.sent, readback, violations);
        }
    }
    check_key(operation, &found_ids, violations);
    if let (None, true) = (&operation.key, found_ids.len() > 1) {
        violations.push(Violation::AppearedTwice {
            marker: marker(),
            order_ids: found_ids.iter().cloned().collect(),
        });
    }

    let is_acknowledged = operation.answers().next().is_some();
    match (operation.fault, operation.refusal()) {
        (Some(fault), _) if is_acknowledged => {
            violations.push(Violation::FaultyAccepted {
                marker: marker(),
                fault,
            });
        }
        (Some(_), _) | (None, None) => {}
        (None, Some((status, body))) => violations.push(Violation::ValidRefused {
            marker: marker(),
            status,
            body: body.to_owned(),
        }),
    }
    // Of a faulty order nothing may be there, whether the refusal arrived or not.
    let is_refused =
        operation.fault.is_some() || (operation.refusal().is_some() && !operation.has_unknown());
    if is_refused && !is_acknowledged && !found_ids.is_empty() {
        violations.push(Violation::RefusedAppeared {
            marker: marker(),
            order_ids: found_ids.iter().cloned().collect(),
        });
    }
    check_cancellation(operation, found, violations);
}

fn check_answer(
    operation: &Operation,
    answer: &Answer,
    sent: Duration,
    readback: &ReadBack,
    violations: &mut Vec<Violation>,
) {
    if !readback.kept.contains_key(&answer.order_id) {
        violations.push(Violation::AcknowledgedLost {
            marker: operation.facts.marker.clone(),
            order_id: answer.order_id.clone(),
            sent,
        });
    }
    let what = match serde_json::from_str::<OrderView>(&answer.body) {
        Ok(order) => difference(&operation.facts, &order),
        Err(error) => Some(format!("the answer cannot be read: {error}")),
    };
    if let Some(what) = what {
        let what = format!("in the answer, {what}");
        violations.push(Violation::ContentDiffers {
            order_id: answer.order_id.clone(),
            what,
        });
    }
}

/// One key: one order, one first answer, and everyone gets it.
fn check_key(operation: &Operation, found_ids: &BTreeSet<String>, violations: &mut Vec<Violation>) {
    let Some(key) = &operation.key else { return };
    let mut order_ids = found_ids.clone();
    order_ids.extend(operation.answers().map(|answer| answer.order_id.clone()));
    if order_ids.len() > 1 {
        violations.push(Violation::KeyMadeSeveralOrders {
            key: key.clone(),
            order_ids: order_ids.into_iter().collect(),
        });
    }
    let first_answers = operation.answers().filter(|answer| !answer.replayed);
    let count = first_answers.count();
    if count > 1 {
        violations.push(Violation::SeveralFirstAnswers {
            key: key.clone(),
            count,
        });
    }
    let told: BTreeSet<String> = operation
        .answers()
        .map(|answer| {
            let Answer {
                status,
                body,
                etag,
                location,
                ..
            } = answer;
            format!("{status} {etag:?} {location:?} {body}")
        })
        .collect();
    if told.len() > 1 {
        violations.push(Violation::ReplayDiffers {
            key: key.clone(),
            answers: told.into_iter().collect(),
        });
    }
}

fn check_cancellation(operation: &Operation, found: &[&Kept], violations: &mut Vec<Violation>) {
    if operation.cancel != Some(CancelOutcome::Cancelled) {
        return;
    }
    for kept in found {
        if kept.order.status != "CANCELLED" {
            violations.push(Violation::CancellationForgotten {
                order_id: kept.order.id.clone(),
                status: kept.order.status.clone(),
            });
        }
    }
}
