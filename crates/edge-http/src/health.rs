//! The health of the server as `/health`, `/v1/stats` and `/readyz` show it: what `application::health` evaluates, in JSON
//! or as a problem.

use std::time::Duration;

use application::health::{Breaker, Health, Reason};
use domain::Trace;
use serde::Serialize;

use crate::problem::Problem;
use crate::state::EdgeState;

/// Asks the shards and the worker, for no longer than a probe may take.
pub(crate) async fn ask(edge: &EdgeState, trace: Trace) -> Health {
    let caller = edge.caller_for(trace, edge.settings.tuning.probe_timeout);
    Health::ask(
        &*edge.orders,
        &*edge.work,
        &caller,
        edge.settings.late_after,
    )
    .await
}

/// Why no order can be taken; `None` if orders can be taken.
pub(crate) fn refusal(health: &Health) -> Option<Problem> {
    if health.store.takes_orders() {
        None
    } else if health.is_full() {
        Some(Problem::store_full())
    } else {
        Some(Problem::store_unavailable())
    }
}

/// A reason as clients see it.
#[derive(Debug, Serialize)]
pub(crate) struct ReasonView {
    code: &'static str,
    detail: String,
}

/// The reasons as clients see them.
pub(crate) fn reason_views(reasons: Vec<Reason>) -> Vec<ReasonView> {
    let views = reasons.into_iter().map(|reason| ReasonView {
        code: reason.code,
        detail: reason.detail,
    });
    views.collect()
}

/// The circuit breaker as clients see it.
#[derive(Debug, Serialize)]
pub(crate) struct BreakerView {
    state: &'static str,
    since: String,
    consecutive_faults: u32,
    next_probe_ms: Option<u64>,
}

impl BreakerView {
    /// `None` if this process calls no endpoint.
    pub(crate) fn of(health: &Health) -> Option<Self> {
        let endpoint = health.endpoint()?;
        Some(Self {
            state: Breaker::as_str(endpoint.breaker),
            since: endpoint.since.to_string(),
            consecutive_faults: endpoint.consecutive_faults,
            next_probe_ms: endpoint.next_probe.map(milliseconds),
        })
    }
}

/// How much longer calls to the endpoint pause because it is busy.
pub(crate) fn busy_pause_ms(health: &Health) -> Option<u64> {
    health.endpoint()?.busy_pause.map(milliseconds)
}

/// For how long the longest-due order has waited.
pub(crate) fn oldest_due_age_ms(health: &Health) -> Option<u64> {
    health.store.oldest_due_age().map(milliseconds)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
