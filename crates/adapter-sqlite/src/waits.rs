//! How the work that a decision leaves waits, and when it is due. Encoded in the caller's task (`prepared`), stored by the
//! writer in the table `jobs`.

use std::time::Duration;

use domain::{Job, Lane, Order, Timestamp};

/// How work waits: the column `state` of the table `jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// In a lane.
    InLane(Lane),
    /// With no other beside it ([`Order::is_quarantined`]).
    Quarantined,
}

/// The state of a job that a worker holds.
pub(crate) const CLAIMED: u8 = 1;

impl Waits {
    /// Every way.
    pub(crate) const ALL: [Self; 4] = [
        Self::InLane(Lane::Fresh),
        Self::InLane(Lane::Retries),
        Self::InLane(Lane::Receipts),
        Self::Quarantined,
    ];

    /// How the work of an order waits.
    pub(crate) fn of(order: &Order) -> Self {
        if order.is_quarantined() {
            Self::Quarantined
        } else {
            Self::InLane(order.lane())
        }
    }

    /// The state in the table, which never changes.
    pub(crate) const fn state(self) -> u8 {
        match self {
            Self::InLane(Lane::Fresh) => 0,
            Self::Quarantined => 2,
            Self::InLane(Lane::Retries) => 3,
            Self::InLane(Lane::Receipts) => 4,
        }
    }

    /// The opposite of [`Waits::state`]; `None` for [`CLAIMED`].
    pub(crate) fn from_state(state: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|waits| waits.state() == state)
    }

    /// The position in [`Waits::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::InLane(lane) => lane.index(),
            Self::Quarantined => Lane::ALL.len(),
        }
    }
}

/// When work is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// By the wall clock.
    pub(crate) at: Timestamp,
    /// The delay that it follows from; `None` if it is a time of the wall clock by itself.
    pub(crate) delay: Option<Duration>,
}

impl Due {
    /// In a while from now.
    pub(crate) fn after(delay: Duration, now: Timestamp) -> Self {
        Self {
            at: now.saturating_add(delay),
            delay: Some(delay),
        }
    }

    /// When the work of a decision is due that is committed now, if it leaves any.
    pub(crate) fn of(job: Job, now: Timestamp) -> Option<Self> {
        match job {
            Job::DueIn(delay) => Some(Self::after(delay, now)),
            Job::DueAt(at) => Some(Self { at, delay: None }),
            Job::Leased | Job::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLAIMED, Waits};

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for (index, waits) in Waits::ALL.into_iter().enumerate() {
            assert_eq!(Waits::from_state(waits.state()), Some(waits));
            assert_eq!(waits.index(), index);
        }
        assert_eq!(Waits::from_state(CLAIMED), None);
    }
}
