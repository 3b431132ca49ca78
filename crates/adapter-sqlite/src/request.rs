//! What the writer does beside writes: claims, heartbeats, rescues and erasures. The store makes a [`Request`], the queue
//! holds it, and the writer answers it.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Deadline, Erasure, RescuePolicy, StoreError,
};
use domain::{EventPosition, Order};
use tokio::sync::oneshot;

/// One request to the writer, with the channel for its answer. If the writer dies, the sender is dropped without an answer:
/// the result is unknown.
pub(crate) enum Request {
    Claim {
        limits: ClaimLimits,
        kind: ClaimKind,
        lease: Duration,
        reply: oneshot::Sender<Result<Vec<Arc<Order>>, StoreError>>,
    },
    Heartbeat {
        claims: Vec<Claim>,
        lease: Duration,
        reply: oneshot::Sender<Result<Vec<Claim>, StoreError>>,
    },
    Rescue {
        policy: RescuePolicy,
        limit: usize,
        reply: oneshot::Sender<Result<Vec<Arc<Order>>, StoreError>>,
    },
    Erase {
        erasure: Erasure,
        deadline: Deadline,
        reply: oneshot::Sender<Result<EventPosition, CommitError>>,
    },
}

/// Which due orders are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimKind {
    /// Orders of the lanes.
    Shared,
    /// Quarantined orders, each of which needs a worker without other work.
    Quarantined,
}

impl Request {
    /// The number of decisions that it counts as in the queue.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Claim { limits, .. } => limits.total,
            Self::Rescue { limit, .. } => *limit,
            Self::Heartbeat { .. } | Self::Erase { .. } => 1,
        }
    }

    /// Answers with `error`: nothing of the request was done.
    pub(crate) fn fail(self, error: &StoreError) {
        match self {
            Self::Claim { reply, .. } | Self::Rescue { reply, .. } => {
                drop(reply.send(Err(error.clone())));
            }
            Self::Heartbeat { reply, .. } => drop(reply.send(Err(error.clone()))),
            Self::Erase { reply, .. } => {
                drop(reply.send(Err(CommitError::Store(error.clone()))));
            }
        }
    }
}

/// The class of a queued call. A full queue refuses new orders first, so that work in progress can be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// New orders.
    Intake,
    /// Everything else.
    Outcome,
}
