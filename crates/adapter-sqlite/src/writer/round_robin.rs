//! The round-robin position of each lane: which bucket had its turn last.

use domain::{Bucket, Lane};

/// Copied at the start of a transaction, so that a rollback can restore it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoundRobin {
    last: [Option<Bucket>; Lane::ALL.len()],
}

impl RoundRobin {
    /// The bucket of a lane that had its turn last.
    pub(crate) const fn last(&self, lane: Lane) -> Option<Bucket> {
        self.last[lane.index()]
    }

    pub(crate) const fn set_last(&mut self, lane: Lane, bucket: Bucket) {
        self.last[lane.index()] = Some(bucket);
    }
}
