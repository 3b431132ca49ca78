//! The state machine of an order, in one exhaustive match: statuses, the transitions between them, and the type of the
//! event that each transition records. `decision` and stores use it; it knows nothing of an order's content.
//!
//! ```text
//! PENDING ----> PROCESSING ----> PROCESSED
//!   |  ^          |    |  ^
//!   |  |          |    v  | claim
//!   |  +-release  |   RETRYING
//!   v             v
//! ON_HOLD       FAILED (dead letter) --replay--> PENDING
//! CANCELLED  <- from PENDING, ON_HOLD, RETRYING, FAILED (= discard)
//! ON_HOLD    <- from RETRYING too (released to PENDING, attempts kept)
//! ```

/// How far an order has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Accepted, waiting for a worker.
    Pending,
    /// A worker holds a lease on it.
    Processing,
    /// An attempt failed; the next one is due at a time.
    Retrying,
    /// Done. Final.
    Processed,
    /// All attempts failed, or one failed for good: a dead letter, waiting for an operator.
    Failed,
    /// Held back by a person until released.
    OnHold,
    /// Cancelled, or discarded from the dead letters. Final.
    Cancelled,
}

/// What can happen to an order that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// A worker takes it.
    Claim,
    /// The work is done.
    Complete,
    /// The attempt failed, another one follows; also a worker giving back what it did not finish.
    Retry,
    /// The attempt failed and none follows.
    Fail,
    /// A person or a client cancels it.
    Cancel,
    /// A person holds it back.
    Hold,
    /// A person lets it go on.
    Release,
    /// An operator starts a dead letter again.
    Replay,
    /// An operator gives a dead letter up.
    Discard,
}

/// The kinds of events: what happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `order.created`
    Created,
    /// `order.processing`
    Processing,
    /// `order.retrying`
    Retrying,
    /// `order.processed`
    Processed,
    /// `order.failed`
    Failed,
    /// `order.held`
    Held,
    /// `order.released`
    Released,
    /// `order.cancelled`
    Cancelled,
    /// `order.replayed`
    Replayed,
    /// `order.erased`: the order and what was personal in its events are gone.
    Erased,
}

impl EventType {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Processing,
        Self::Retrying,
        Self::Processed,
        Self::Failed,
        Self::Held,
        Self::Released,
        Self::Cancelled,
        Self::Replayed,
        Self::Erased,
    ];

    /// The name that clients see: `order.created`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "order.created",
            Self::Processing => "order.processing",
            Self::Retrying => "order.retrying",
            Self::Processed => "order.processed",
            Self::Failed => "order.failed",
            Self::Held => "order.held",
            Self::Released => "order.released",
            Self::Cancelled => "order.cancelled",
            Self::Replayed => "order.replayed",
            Self::Erased => "order.erased",
        }
    }

    /// The status of the order after an event of this kind; `None` after [`EventType::Erased`]: there is no order.
    #[must_use]
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Created | Self::Released | Self::Replayed => Some(Status::Pending),
            Self::Processing => Some(Status::Processing),
            Self::Retrying => Some(Status::Retrying),
            Self::Processed => Some(Status::Processed),
            Self::Failed => Some(Status::Failed),
            Self::Held => Some(Status::OnHold),
            Self::Cancelled => Some(Status::Cancelled),
            Self::Erased => None,
        }
    }

    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Processing => 2,
            Self::Retrying => 3,
            Self::Processed => 4,
            Self::Failed => 5,
            Self::Held => 6,
            Self::Released => 7,
            Self::Cancelled => 8,
            Self::Replayed => 9,
            Self::Erased => 10,
        }
    }

    /// Finds a kind by its [`EventType::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl Status {
    /// Every status, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Processing,
        Self::Retrying,
        Self::Processed,
        Self::Failed,
        Self::OnHold,
        Self::Cancelled,
    ];

    /// The status after `transition` and the event that it records; `None` where the transition is not allowed.
    #[must_use]
    pub const fn after(self, transition: Transition) -> Option<(Self, EventType)> {
        use Transition as T;
        match self {
            Self::Pending => match transition {
                T::Claim => Some((Self::Processing, EventType::Processing)),
                T::Cancel => Some((Self::Cancelled, EventType::Cancelled)),
                T::Hold => Some((Self::OnHold, EventType::Held)),
                T::Complete | T::Retry | T::Fail | T::Release | T::Replay | T::Discard => None,
            },
            Self::Processing => match transition {
                T::Complete => Some((Self::Processed, EventType::Processed)),
                T::Retry => Some((Self::Retrying, EventType::Retrying)),
                T::Fail => Some((Self::Failed, EventType::Failed)),
                T::Claim | T::Cancel | T::Hold | T::Release | T::Replay | T::Discard => None,
            },
            Self::Retrying => match transition {
                T::Claim => Some((Self::Processing, EventType::Processing)),
                T::Cancel => Some((Self::Cancelled, EventType::Cancelled)),
                T::Hold => Some((Self::OnHold, EventType::Held)),
                T::Complete | T::Retry | T::Fail | T::Release | T::Replay | T::Discard => None,
            },
            Self::Failed => match transition {
                T::Replay => Some((Self::Pending, EventType::Replayed)),
                T::Cancel | T::Discard => Some((Self::Cancelled, EventType::Cancelled)),
                T::Claim | T::Complete | T::Retry | T::Fail | T::Hold | T::Release => None,
            },
            Self::OnHold => match transition {
                T::Release => Some((Self::Pending, EventType::Released)),
                T::Cancel => Some((Self::Cancelled, EventType::Cancelled)),
                T::Claim | T::Complete | T::Retry | T::Fail | T::Hold | T::Replay | T::Discard => {
                    None
                }
            },
            Self::Processed | Self::Cancelled => match transition {
                T::Claim
                | T::Complete
                | T::Retry
                | T::Fail
                | T::Cancel
                | T::Hold
                | T::Release
                | T::Replay
                | T::Discard => None,
            },
        }
    }

    /// The position in [`Status::ALL`], for tables with an entry per status.
    #[must_use]
    pub const fn index(self) -> usize {
        self.code() as usize - 1
    }

    /// Whether an order can be erased: only one that neither a worker nor a person is busy with.
    #[must_use]
    pub const fn is_erasable(self) -> bool {
        match self {
            Self::Processed | Self::Cancelled | Self::Failed => true,
            Self::Pending | Self::Processing | Self::Retrying | Self::OnHold => false,
        }
    }

    /// Whether nothing can happen to the order any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Processed | Self::Cancelled => true,
            Self::Pending | Self::Processing | Self::Retrying | Self::Failed | Self::OnHold => {
                false
            }
        }
    }

    /// The name that clients see: `ON_HOLD`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Retrying => "RETRYING",
            Self::Processed => "PROCESSED",
            Self::Failed => "FAILED",
            Self::OnHold => "ON_HOLD",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Finds a status by the name that clients see.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Processing => 2,
            Self::Retrying => 3,
            Self::Processed => 4,
            Self::Failed => 5,
            Self::OnHold => 6,
            Self::Cancelled => 7,
        }
    }

    /// Finds a status by its [`Status::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn codes_follow_the_order_in_which_statuses_are_shown() {
        for (index, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status.index(), index);
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
    }
}
