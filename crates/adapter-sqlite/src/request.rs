//! What the writer is asked for, and who asks. Made by the store, kept by the queue, answered by the writer.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, CommitError, Committed, Deadline, RescuePolicy, Settle, StoreError,
};
use domain::Order;
use tokio::sync::oneshot;

use crate::place;
use crate::prepared::Prepared;

/// The answers to the writes of one request, and the writes: their memory is given back where it was taken.
pub(crate) type Done = (Vec<Result<Committed, CommitError>>, Vec<Prepared>);

/// What the writer is asked for. The sender of an answer is dropped where the writer died: the outcome is unknown.
pub(crate) enum Request {
    Commit {
        writes: Vec<Prepared>,
        /// Empty, with room for the answers: the writer takes no memory that another thread gives back.
        answers: Vec<Result<Committed, CommitError>>,
        deadline: Deadline,
        reply: oneshot::Sender<Done>,
    },
    Take {
        limit: usize,
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
}

/// What is done with due orders that are taken.
pub(crate) enum Taking {
    /// They are claimed, under a lease of this length.
    Claim(Duration),
    /// Those that run alone are claimed, the others passed over.
    ClaimAlone(Duration),
    /// They are claimed and settled in the same transaction.
    Settle(Arc<dyn Settle>),
}

impl Request {
    /// Where its row goes, if it is a single new order that nobody can know by another name. The others stay in the
    /// order in which they came: of two orders of one key the first is taken.
    pub(crate) fn place(&self) -> i64 {
        match self {
            Self::Commit { writes, .. } => match writes.as_slice() {
                [write] if write.is_unnamed() => place::of(write.id()),
                _ => i64::MAX,
            },
            Self::Take { .. } | Self::Rescue { .. } | Self::Heartbeat { .. } => i64::MAX,
        }
    }

    /// How many decisions it stands for.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Commit { writes, .. } => writes.len(),
            Self::Take { limit, .. } | Self::Rescue { limit, .. } => *limit,
            Self::Heartbeat { .. } => 1,
        }
    }

    /// Tells whoever asked that nothing of it was begun.
    pub(crate) fn refuse(self, error: &StoreError) {
        match self {
            Self::Commit {
                writes,
                mut answers,
                reply,
                ..
            } => {
                let answer = || Err(CommitError::Store(error.clone()));
                answers.extend(writes.iter().map(|_| answer()));
                drop(reply.send((answers, writes)));
            }
            Self::Take { reply, .. } | Self::Rescue { reply, .. } => {
                drop(reply.send(Err(error.clone())));
            }
            Self::Heartbeat { reply, .. } => drop(reply.send(Err(error.clone()))),
        }
    }
}

/// Who asks: new orders are refused first, so that what is under way can be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Intake,
    Outcome,
}
