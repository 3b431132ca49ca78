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
    /// The order can never succeed: it becomes a dead letter at once.
    Rejected(Failure),
    /// This order failed this time: it is tried again, not before `after` if the handler asks for a wait.
    Retry {
        /// Why.
        failure: Failure,
        /// The least wait that the handler asked for (`Retry-After`).
        after: Option<Duration>,
        /// What it says of the endpoint.
        scope: FaultScope,
    },
}

/// What a failed attempt says of the endpoint, and whether it counts against the order. The circuit breaker and the retry
/// policy decide from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultScope {
    /// The order alone: it is still being processed there (409, 423, 425). The attempt counts; it says nothing of the
    /// endpoint.
    Order,
    /// The endpoint has too much to do (429, or 503 with Retry-After). The attempt does not count, and it says nothing of
    /// the endpoint's health.
    Busy,
    /// The endpoint is wrongly set up, or it is this order's fault (3xx, 401, 403, 404, 405): the order's fault if another
    /// order succeeded lately, else as [`FaultScope::Endpoint`].
    Unclear,
    /// The endpoint failed: a time-out, a broken or refused connection, 408, 500, 502, 504, 503 without Retry-After. The
    /// attempt counts if the endpoint answers other orders meanwhile.
    Endpoint,
}

/// Does the work of one order, at least once, with one effect: implementations pass the order's id on as the
/// idempotency key of whatever they call.
#[async_trait]
pub trait OrderHandler: Send + Sync + 'static {
    /// Works on `order`, whose `attempt` is the running one. Never waits longer than its own configured time-out.
    /// May be dropped at any await when the process stops hard; the lease then runs out.
    async fn handle(&self, order: &Order) -> Outcome;
}
