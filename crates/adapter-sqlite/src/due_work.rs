//! When the first waiting work of each kind is due. The writer publishes it after each commit; the store answers `next_due`
//! and `oldest_due_age` from it.

use std::time::Duration;

use application::ports::NextDue;
use domain::{Lane, Timestamp};

/// The first due times after a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DueWork {
    /// When the oldest unclaimed order of the log became due. It is due at any wall-clock time.
    pub(crate) in_log: Option<Timestamp>,
    /// When the first job of each lane is due, at [`Lane::index`].
    pub(crate) lanes: [Option<Timestamp>; Lane::ALL.len()],
    /// When the first quarantined job is due.
    pub(crate) quarantined: Option<Timestamp>,
}

impl DueWork {
    /// Whether a claim would find work in a lane now. Quarantined work does not count: a worker has to finish its other work
    /// first, so no commit sends a hint for it.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.in_log.is_some() || self.lanes.iter().flatten().any(|due| *due <= now)
    }

    /// The time until the next work of each lane is due.
    pub(crate) fn next(&self, now: Timestamp) -> NextDue {
        let from_now =
            |due: Timestamp| Duration::from_millis(due.as_millis().saturating_sub(now.as_millis()));
        let mut lanes = self.lanes.map(|due| due.map(from_now));
        if self.in_log.is_some() {
            lanes[Lane::Fresh.index()] = Some(Duration::ZERO);
        }
        NextDue {
            lanes,
            quarantined: self.quarantined.map(from_now),
        }
    }

    /// How long the oldest due work has been due; `None` if no work is due.
    pub(crate) fn oldest_age(&self, now: Timestamp) -> Option<Duration> {
        let jobs = self.lanes.into_iter().chain([self.quarantined]).flatten();
        let due = jobs.filter(|due| *due <= now).chain(self.in_log);
        let oldest = due.min()?;
        // The clock may have been set back since a new order was created.
        let age_ms = now.as_millis().saturating_sub(oldest.as_millis());
        Some(Duration::from_millis(age_ms))
    }
}
