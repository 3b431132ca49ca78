//! The work itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Failure, Order};

/// What came of one attempt. The worker decides from the variant alone, never from a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; `result` is a JSON text of at most `domain::order::MAX_RESULT_BYTES`.
    Done {
        /// What the handler answered.
        result: Option<Arc<str>>,
    },
    /// The order will never succeed: it becomes a dead letter at once.
    Rejected(Failure),
    /// This order failed this time: it is tried again, not before `after` where the handler says so.
    Retry {
        /// Why.
        failure: Failure,
        /// The least wait that the handler asked for (`Retry-After`).
        after: Option<Duration>,
        /// Against whom it speaks.
        blame: Blame,
    },
}

/// Against whom a failed attempt speaks. The circuit breaker decides from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The order, or nobody (a request to slow down): the attempt counts, and the endpoint is proven to answer.
    Order,
    /// Order or endpoint, it cannot be told (500): the attempt counts; the breaker counts it once an order, so that
    /// one order that breaks the endpoint ends in the dead letters, and an endpoint that fails all orders opens it.
    Unclear,
    /// The endpoint as a whole: unreachable, timed out, wrongly set up. Counted by the breaker; such a fault alone
    /// makes no dead letter while the endpoint is not known to work for others.
    Endpoint,
}

/// Does the work of one order, at least once, with one effect: implementations pass the order's id on as the
/// idempotency key of whatever they call.
#[async_trait]
pub trait OrderHandler: Send + Sync + 'static {
    /// Works on `order`, whose `attempt` is the running one. Never waits longer than its own configured time-out.
    /// May be dropped at any await when the process stops hard; the lease then runs out.
    async fn handle(&self, order: &Order) -> Outcome;

    /// Whether [`OrderHandler::handle`] does nothing and answers at once, so that a worker need not schedule it.
    fn is_immediate(&self) -> bool {
        false
    }
}
