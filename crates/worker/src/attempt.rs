//! One attempt at one order: the handler, unless the work is done already, then the receipt if the order's receipt is
//! stored. Every attempt ends as a disposition; it writes nothing to the order store.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use application::ports::{FaultScope, OrderHandler, Outcome, ReceiptError};
use domain::order::MAX_RESULT_BYTES;
use domain::{Failure, Order, Receipt};
use futures_util::FutureExt as _;

use crate::parts::Shared;
use crate::retry_policy::Disposition;

/// Works on `order` until there is a disposition. Dropping it drops the handler's call; the claim then lasts until its lease
/// ends or another worker takes it over.
pub(crate) async fn attempt(shared: &Shared, order: &Order) -> Disposition {
    if order.work_done {
        return write_receipt(shared, order, None).await;
    }
    let began = shared.clock.monotonic();
    match handle(shared, order).await {
        Ok(outcome) => {
            let outcome = within_bounds(order, outcome);
            match shared.retry_policy.decide(order, outcome, began) {
                Disposition::Complete { result } => write_receipt(shared, order, result).await,
                other => other,
            }
        }
        // A panic says nothing about the endpoint.
        Err(failure) => shared.retry_policy.count_against(order, failure),
    }
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
                &format!("the attempt took longer than {limit:?}"),
            ),
            after: None,
            scope: FaultScope::Endpoint,
        }),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    Failure::new(
        "handler_panicked",
        &format!("the handler panicked: {}", message_of(panic)),
    )
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
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

/// Writes the receipt of an order whose work is done, if the order was created with a stored one and a receipt store is
/// configured. Otherwise the receipt is rendered when it is read.
async fn write_receipt(shared: &Shared, order: &Order, result: Option<Arc<str>>) -> Disposition {
    let Some(store) = shared.receipts.store_for(order.receipt.location) else {
        return Disposition::Complete { result };
    };
    let health = &shared.receipt_store_health;
    let unavailable = |reason: &str| Failure::new("receipt_store_unavailable", reason);
    if !health.is_reachable() {
        let failure = unavailable("the receipt store cannot be reached");
        return shared.retry_policy.await_receipt(result, failure);
    }
    let receipt = Receipt::of(order);
    let limit = shared.settings.tuning.receipt_timeout;
    let reason = match tokio::time::timeout(limit, store.put(&receipt)).await {
        Ok(Ok(())) => {
            health.written();
            return Disposition::Complete { result };
        }
        Ok(Err(error @ ReceiptError::Conflict { .. })) => {
            return Disposition::Fail(Failure::new("receipt_conflict", &error.to_string()));
        }
        Ok(Err(error @ ReceiptError::Refused { .. })) => {
            return Disposition::Fail(Failure::new("receipt_refused", &error.to_string()));
        }
        Ok(Err(error @ ReceiptError::Unavailable(_))) => error.to_string(),
        Err(_elapsed) => format!("the receipt store took longer than {limit:?}"),
    };
    health.failed();
    let failure = unavailable(&reason);
    shared.retry_policy.await_receipt(result, failure)
}
