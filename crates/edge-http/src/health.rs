//! How the server is: its state in one word, with a reason for everything that is not as it should be. `/health` and
//! `/v1/stats` show it, `/readyz` decides by it.
//!
//! A reason has a stable code for programs. Its sentence is for people and holds nothing that a client must not see: what a
//! store or an endpoint said is in the log.

use std::time::Duration;

use application::store_health::{CommitFailure, ShardState, StoreHealth};
use domain::{ShardId, Trace};
use serde::Serialize;

use crate::problem::Problem;
use crate::state::EdgeState;
use crate::work_health::{Breaker, EndpointState, HandlerState, WorkSnapshot};

/// The state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    /// All is well.
    Healthy,
    /// Orders are taken, but something is not as it should be.
    Degraded,
    /// No order can be taken.
    Unavailable,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Reason {
    code: &'static str,
    detail: String,
}

/// The circuit breaker as clients see it.
#[derive(Debug, Serialize)]
pub(crate) struct BreakerView {
    state: &'static str,
    since: String,
    consecutive_faults: u32,
    next_probe_ms: Option<u64>,
}

/// The state of a server at one moment.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) store: StoreHealth,
    pub(crate) work: WorkSnapshot,
    late_after: Option<Duration>,
}

impl Health {
    /// Asks the shards, all at once, for no longer than a probe may take.
    pub(crate) async fn ask(edge: &EdgeState, trace: Trace) -> Self {
        let caller = edge.caller_for(trace, edge.settings.tuning.probe_timeout);
        Self {
            store: edge.orders.store_health(&caller).await,
            work: edge.work.snapshot(),
            late_after: edge.settings.late_after,
        }
    }

    pub(crate) fn condition(&self, reasons: &[Reason]) -> Condition {
        if !self.store.takes_orders() {
            Condition::Unavailable
        } else if reasons.is_empty() {
            Condition::Healthy
        } else {
            Condition::Degraded
        }
    }

    /// Everything that is not as it should be, what matters most first.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self
            .store
            .shards
            .iter()
            .filter_map(|shard| of_shard(shard.shard, shard.state))
            .collect();
        if let HandlerState::Http(endpoint) = self.work.handler {
            reasons.extend(of_endpoint(&endpoint));
        }
        if !self.work.receipts_reachable {
            reasons.push(Reason::new(
                "receipts_unavailable",
                "The receipt store cannot be reached: orders whose work is done wait for it.",
            ));
        }
        reasons.extend(self.of_late_work());
        reasons
    }

    fn of_late_work(&self) -> Option<Reason> {
        let age = self.store.oldest_due_age()?;
        let late_after = self.late_after?;
        (age >= late_after).then(|| {
            Reason::new(
                "work_is_late",
                format!(
                    "An order has been due for {} s and is not processed (setting health.late_after).",
                    age.as_secs()
                ),
            )
        })
    }

    /// For how long the longest-due order has waited.
    pub(crate) fn oldest_due_age_ms(&self) -> Option<u64> {
        self.store.oldest_due_age().map(milliseconds)
    }

    /// The circuit breaker; `None` if this process calls no endpoint.
    pub(crate) fn breaker(&self) -> Option<BreakerView> {
        let HandlerState::Http(endpoint) = self.work.handler else {
            return None;
        };
        Some(BreakerView {
            state: match endpoint.breaker {
                Breaker::Closed => "closed",
                Breaker::Open => "open",
            },
            since: endpoint.since.to_string(),
            consecutive_faults: endpoint.consecutive_faults,
            next_probe_ms: endpoint.next_probe.map(milliseconds),
        })
    }

    /// How much longer calls pause because the endpoint is busy.
    pub(crate) fn busy_pause_ms(&self) -> Option<u64> {
        match self.work.handler {
            HandlerState::Http(endpoint) => endpoint.busy_pause.map(milliseconds),
            HandlerState::Elsewhere | HandlerState::None => None,
        }
    }

    /// Why no order can be taken; `None` if orders can be taken.
    pub(crate) fn refusal(&self) -> Option<Problem> {
        if self.store.takes_orders() {
            return None;
        }
        let is_full = |state| state == ShardState::CommitsFail(CommitFailure::Full);
        let mut shards = self.store.shards.iter();
        Some(if shards.any(|shard| is_full(shard.state)) {
            Problem::store_full()
        } else {
            Problem::store_unavailable()
        })
    }
}

impl Reason {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// The word for a shard's state.
pub(crate) const fn word_of(state: ShardState) -> &'static str {
    match state {
        ShardState::Available => "available",
        ShardState::Unreachable => "unreachable",
        ShardState::CommitsFail(CommitFailure::Full) => "full",
        ShardState::CommitsFail(CommitFailure::Unavailable) => "commits_fail",
    }
}

fn of_shard(shard: ShardId, state: ShardState) -> Option<Reason> {
    let (code, detail) = match state {
        ShardState::Available => return None,
        ShardState::Unreachable => (
            "shard_unavailable",
            format!(
                "Shard {shard} cannot be reached: orders of its users are refused until it is back."
            ),
        ),
        ShardState::CommitsFail(CommitFailure::Full) => (
            "store_full",
            format!(
                "The disk of shard {shard} is full: orders of its users are refused until there is room. Free space \
                 where its data is; the server goes on by itself."
            ),
        ),
        ShardState::CommitsFail(CommitFailure::Unavailable) => (
            "commits_fail",
            format!(
                "Shard {shard} takes no commits: orders of its users are refused until it does. The log says why."
            ),
        ),
    };
    Some(Reason::new(code, detail))
}

fn of_endpoint(endpoint: &EndpointState) -> impl Iterator<Item = Reason> {
    let breaker = match endpoint.breaker {
        Breaker::Closed => None,
        Breaker::Open => Some(Reason::new(
            "breaker_open",
            "The endpoint that processes orders fails, and the circuit breaker is open: orders wait and use no attempt \
             until it answers.",
        )),
    };
    let busy = endpoint.busy_pause.map(|_| {
        Reason::new(
            "endpoint_busy",
            "The endpoint that processes orders is busy: calls pause for as long as it asked.",
        )
    });
    breaker.into_iter().chain(busy)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
