//! The state of a waiting job and its due time. Callers' tasks compute them with the encoded write (`encoded_write`); the
//! writer stores them in the table `jobs`.

use std::time::Duration;

use domain::{Job, Lane, Order, Timestamp};

/// The state of a job that waits: the column `state` of the table `jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It waits in a lane.
    InLane(Lane),
    /// It is worked on without other work beside it ([`Order::is_quarantined`]).
    Quarantined,
}

/// The code of a job that a worker has claimed.
pub(crate) const CLAIMED: u8 = 1;

impl JobState {
    pub(crate) const ALL: [Self; 4] = [
        Self::InLane(Lane::Fresh),
        Self::InLane(Lane::Retries),
        Self::InLane(Lane::Receipts),
        Self::Quarantined,
    ];

    /// The state in which the work of an order waits.
    pub(crate) fn of(order: &Order) -> Self {
        if order.is_quarantined() {
            Self::Quarantined
        } else {
            Self::InLane(order.lane())
        }
    }

    /// The code in the table. Codes never change.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::InLane(Lane::Fresh) => 0,
            Self::Quarantined => 2,
            Self::InLane(Lane::Retries) => 3,
            Self::InLane(Lane::Receipts) => 4,
        }
    }

    /// The inverse of [`JobState::code`]; `None` for [`CLAIMED`].
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The position in [`JobState::ALL`].
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
    /// The delay that `at` was computed from; `None` if the wall-clock time itself was asked for.
    pub(crate) delay: Option<Duration>,
}

impl Due {
    pub(crate) fn after(delay: Duration, now: Timestamp) -> Self {
        Self {
            at: now.saturating_add(delay),
            delay: Some(delay),
        }
    }

    /// The due time of the work that a decision leaves, if it is committed now; `None` if it leaves none.
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
    use super::{CLAIMED, JobState};

    #[test]
    fn each_state_is_read_back_from_its_code() {
        for (index, state) in JobState::ALL.into_iter().enumerate() {
            assert_eq!(JobState::from_code(state.code()), Some(state));
            assert_eq!(state.index(), index);
        }
        assert_eq!(JobState::from_code(CLAIMED), None);
    }
}
