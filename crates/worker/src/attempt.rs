//! One attempt at one order: the handler, then the receipt if the order's receipt is stored. Every attempt ends as a
//! verdict; it writes nothing to the order store.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use application::ports::{FaultScope, OrderHandler, Outcome, ReceiptError};
use domain::order::MAX_RESULT_BYTES;
use domain::{Failure, Order, Receipt};
use futures_util::FutureExt as _;

use crate::breaker::Probe;
use crate::parts::Shared;
use crate::verdict::Verdict;

/// Works on `order` until there is a verdict. Dropping it drops the handler's call; the claim then lasts until its lease
/// ends or another worker takes it over.
pub(crate) async fn attempt(shared: &Shared, order: &Order, probe: Option<Probe>) -> Verdict {
    match handle(shared, order).await {
        Ok(outcome) => {
            let verdict = shared
                .judge
                .judge(order, within_bounds(order, outcome), probe);
            match verdict {
                Verdict::Complete { .. } => keep_receipt(shared, order, verdict).await,
                Verdict::Retry { .. } | Verdict::GiveBack { .. } | Verdict::Fail(_) => verdict,
            }
        }
        // A panic says nothing about the endpoint: the probe goes back unused.
        Err(failure) => shared.judge.count_against(order, failure),
    }
}

/// The verdict on `order` by a handler that takes no time. Needs no runtime: a store calls it in its transaction.
pub(crate) fn attempt_at_once(shared: &Shared, order: &Order) -> Verdict {
    let caught = AssertUnwindSafe(shared.handler.handle(order)).catch_unwind();
    let outcome = match caught.now_or_never() {
        Some(Ok(outcome)) => within_bounds(order, outcome),
        Some(Err(panic)) => return shared.judge.count_against(order, panicked(&*panic)),
        None => Outcome::Retry {
            failure: Failure::new(
                "handler_not_immediate",
                "the handler calls itself immediate and waits",
            ),
            after: None,
            scope: FaultScope::Endpoint,
        },
    };
    shared.judge.judge(order, outcome, None)
}

async fn handle(shared: &Shared, order: &Order) -> Result<Outcome, Failure> {
    let handler: &Arc<dyn OrderHandler> = &shared.handler;
    let limit = shared.settings.attempt_timeout;
    let caught = AssertUnwindSafe(handler.handle(order)).catch_unwind();
    match tokio::time::timeout(limit, caught).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(panic)) => Err(panicked(&*panic)),
        Err(_elapsed) => Ok(Outcome::Retry {
            failure: Failure::new(
                "timeout",
                &format!("the attempt took longer than {} s", limit.as_secs()),
            ),
            after: None,
            scope: FaultScope::Endpoint,
        }),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    Failure::new(
        "handler_panicked",
        &format!("the handler panicked: {}", words_of(panic)),
    )
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// A handler promises a bounded result. One that breaks the promise must not break the commit of other orders.
fn within_bounds(order: &Order, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Done {
            result: Some(result),
        } if result.len() > MAX_RESULT_BYTES => {
            tracing::warn!(order_id = %order.id, bytes = result.len(), "the handler's result is too large and dropped");
            Outcome::Done { result: None }
        }
        other => other,
    }
}

/// Writes the receipt of an order that is done, if the order was created with a stored one and a receipt store is
/// configured. Otherwise the receipt is rendered when it is read.
async fn keep_receipt(shared: &Shared, order: &Order, done: Verdict) -> Verdict {
    let Some(store) = shared.receipts.store_for(order.receipt.location) else {
        return done;
    };
    let receipt = Receipt::of(order);
    let limit = shared.settings.receipt_timeout;
    let reason = match tokio::time::timeout(limit, store.put(&receipt)).await {
        Ok(Ok(())) => {
            shared.receipt_gate.kept();
            return done;
        }
        Ok(Err(error @ ReceiptError::Conflict { .. })) => {
            return Verdict::Fail(Failure::new("receipt_conflict", &error.to_string()));
        }
        Ok(Err(error @ ReceiptError::Refused { .. })) => {
            return Verdict::Fail(Failure::new("receipt_refused", &error.to_string()));
        }
        Ok(Err(error @ ReceiptError::Unavailable(_))) => error.to_string(),
        Err(_elapsed) => format!("the receipt store took longer than {} s", limit.as_secs()),
    };
    shared.receipt_gate.failed();
    // The work is done and its effect is bound to the order's id: doing it again finds it done.
    shared
        .judge
        .postpone(order, Failure::new("receipt_store_unavailable", &reason))
}
