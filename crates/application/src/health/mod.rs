//! How a server is: its condition, with a reason for everything that is not as it should be. Edges ask [`Health::ask`] and
//! show it in their own form; nothing here knows a protocol.
//!
//! A reason has a stable code for programs. Its sentence is for people and holds nothing that a client must not see: what a
//! store or an endpoint said is in the log.

mod work;

use std::time::Duration;

use domain::ShardId;

use crate::caller::Caller;
use crate::orders::Orders;
use crate::store_health::{CommitFailure, ShardState, StoreHealth};

pub use work::{Breaker, EndpointState, HandlerState, NoWork, WorkHealth, WorkSnapshot};

/// The condition of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// All is well.
    Healthy,
    /// Orders are taken, but something is not as it should be.
    Degraded,
    /// No order can be taken.
    Unavailable,
}

impl Condition {
    /// Its stable name, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A stable word, for programs.
    pub code: &'static str,
    /// A sentence, for people.
    pub detail: String,
}

/// The state of a server at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The shards of the store.
    pub store: StoreHealth,
    /// The processing of orders.
    pub work: WorkSnapshot,
    /// An order that is due for this long without being processed is a reason; `None` if none is.
    pub late_after: Option<Duration>,
}

impl Health {
    /// Asks all shards at the same time, until the caller's deadline: a shard that has not answered by then is unreachable.
    pub async fn ask(
        orders: &dyn Orders,
        work: &dyn WorkHealth,
        caller: &Caller,
        late_after: Option<Duration>,
    ) -> Self {
        Self {
            store: orders.store_health(caller).await,
            work: work.snapshot(),
            late_after,
        }
    }

    /// The condition, given what [`Health::reasons`] returned.
    #[must_use]
    pub fn condition(&self, reasons: &[Reason]) -> Condition {
        if !self.store.takes_orders() {
            Condition::Unavailable
        } else if reasons.is_empty() {
            Condition::Healthy
        } else {
            Condition::Degraded
        }
    }

    /// Everything that is not as it should be, what matters most first.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self
            .store
            .shards
            .iter()
            .filter_map(|shard| of_shard(shard.shard, shard.state))
            .collect();
        if let Some(endpoint) = self.endpoint() {
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

    /// The endpoint that processes orders; `None` if this process calls none.
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointState> {
        match self.work.handler {
            HandlerState::Http(endpoint) => Some(endpoint),
            HandlerState::Elsewhere | HandlerState::None => None,
        }
    }

    /// Whether no order can be taken because the disk of a shard is full, rather than because a shard is away.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let is_full = |state| state == ShardState::CommitsFail(CommitFailure::Full);
        !self.store.takes_orders() && self.store.shards.iter().any(|shard| is_full(shard.state))
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
}

impl Reason {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
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
