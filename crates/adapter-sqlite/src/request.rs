//! What the writer is asked for, and by whom. Made by the store, kept by the queue, answered by the writer.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Deadline, Erasure, RescuePolicy, StoreError,
};
use domain::{EventPosition, Order};
use tokio::sync::oneshot;

/// What the writer is asked for beside the writes. The sender of an answer is dropped if the writer dies: the outcome is
/// unknown.
pub(crate) enum Request {
    Take {
        limits: ClaimLimits,
        taking: Taking,
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
pub(crate) enum Taking {
    /// They are claimed, under a lease of this length.
    Claim(Duration),
    /// Those that are quarantined are claimed, the others passed over.
    ClaimQuarantined(Duration),
}

impl Request {
    /// How many decisions it amounts to.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Take { limits, .. } => limits.total,
            Self::Rescue { limit, .. } => *limit,
            Self::Heartbeat { .. } | Self::Erase { .. } => 1,
        }
    }

    /// Answers that nothing of it was done.
    pub(crate) fn refuse(self, error: &StoreError) {
        match self {
            Self::Take { reply, .. } | Self::Rescue { reply, .. } => {
                drop(reply.send(Err(error.clone())));
            }
            Self::Heartbeat { reply, .. } => drop(reply.send(Err(error.clone()))),
            Self::Erase { reply, .. } => {
                drop(reply.send(Err(CommitError::Store(error.clone()))));
            }
        }
    }
}

/// Who asks: new orders are refused first, so that what is under way can be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Intake,
    Outcome,
}
