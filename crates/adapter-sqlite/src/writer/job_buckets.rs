//! When the first job of each home bucket is due, in memory, so that a claim skips buckets without due jobs. There are at most
//! 4,096 entries for each state.
//!
//! The writer updates it with every change of the table `jobs`, and loads it from the table when the store is opened and
//! after a rollback. `lanes` claims the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use domain::{Bucket, Timestamp};
use rusqlite::Connection;

use crate::job_state::JobState;

/// The first due time of each bucket, in milliseconds. It is never later than in the table.
#[derive(Debug, Default)]
pub(crate) struct JobBuckets {
    states: [FirstDue; JobState::ALL.len()],
}

#[derive(Debug, Default)]
struct FirstDue {
    by_bucket: BTreeMap<Bucket, u64>,
    by_due: BTreeSet<(u64, Bucket)>,
}

impl JobBuckets {
    /// Loads the due times from the table.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut buckets = Self::default();
        let mut rows = connection
            .prepare_cached("SELECT state, bucket, min(due_ms) FROM jobs GROUP BY state, bucket")?;
        let mut rows = rows.query([])?;
        while let Some(found) = rows.next()? {
            let bucket = Bucket::from_number(found.get(1)?);
            if let (Some(state), Some(bucket)) = (JobState::from_code(found.get(0)?), bucket) {
                let due_ms = found.get::<_, i64>(2)?.cast_unsigned();
                buckets.set(state, bucket, Some(due_ms));
            }
        }
        Ok(buckets)
    }

    /// Sets when the first job of a bucket is due; `None` if no job waits.
    pub(crate) fn set(&mut self, state: JobState, bucket: Bucket, due_ms: Option<u64>) {
        let due_times = &mut self.states[state.index()];
        let before = match due_ms {
            Some(due_ms) => {
                due_times.by_due.insert((due_ms, bucket));
                due_times.by_bucket.insert(bucket, due_ms)
            }
            None => due_times.by_bucket.remove(&bucket),
        };
        if let Some(before) = before.filter(|before| due_ms != Some(*before)) {
            due_times.by_due.remove(&(before, bucket));
        }
    }

    /// Adds a job to a bucket.
    pub(crate) fn add(&mut self, state: JobState, bucket: Bucket, due_ms: u64) {
        if self.first(state, bucket).is_none_or(|first| due_ms < first) {
            self.set(state, bucket, Some(due_ms));
        }
    }

    /// When the first job of a bucket is due.
    pub(crate) fn first(&self, state: JobState, bucket: Bucket) -> Option<u64> {
        self.states[state.index()].by_bucket.get(&bucket).copied()
    }

    /// When the first job of any bucket is due.
    pub(crate) fn first_due(&self, state: JobState) -> Option<Timestamp> {
        let (due_ms, _) = self.states[state.index()].by_due.first()?;
        // A time that is not representable never comes.
        Timestamp::from_millis(*due_ms).ok()
    }

    /// The buckets with a due job, the longest due first.
    pub(crate) fn due(&self, state: JobState, now: Timestamp) -> impl Iterator<Item = Bucket> {
        let due = &self.states[state.index()].by_due;
        let due = due
            .iter()
            .take_while(move |(due_ms, _)| *due_ms <= now.as_millis());
        due.map(|(_, bucket)| *bucket)
    }

    /// The first bucket after `after` with a due job.
    pub(crate) fn next_due(
        &self,
        state: JobState,
        after: Option<Bucket>,
        now: Timestamp,
    ) -> Option<Bucket> {
        let after = after.map_or(Unbounded, Excluded);
        let mut following = self.states[state.index()]
            .by_bucket
            .range((after, Unbounded));
        let due = following.find(|(_, due_ms)| **due_ms <= now.as_millis());
        due.map(|(bucket, _)| *bucket)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Bucket, Lane, Timestamp};

    use super::JobBuckets;
    use crate::job_state::JobState;

    const RETRIES: JobState = JobState::InLane(Lane::Retries);

    fn bucket(number: u16) -> Bucket {
        Bucket::from_number(number).unwrap()
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    #[test]
    fn buckets_without_due_jobs_are_skipped() {
        let mut buckets = JobBuckets::default();
        buckets.add(RETRIES, bucket(3), 50);
        buckets.add(RETRIES, bucket(5), 200);
        buckets.add(RETRIES, bucket(9), 40);
        buckets.add(RETRIES, bucket(9), 60);
        assert_eq!(buckets.next_due(RETRIES, None, at(100)), Some(bucket(3)));
        let after_three = buckets.next_due(RETRIES, Some(bucket(3)), at(100));
        assert_eq!(after_three, Some(bucket(9)));
        assert_eq!(buckets.next_due(RETRIES, Some(bucket(9)), at(100)), None);
        assert_eq!(buckets.first_due(RETRIES), Some(at(40)));
        let due: Vec<_> = buckets.due(RETRIES, at(100)).collect();
        assert_eq!(due, [bucket(9), bucket(3)]);
        assert_eq!(buckets.next_due(JobState::Quarantined, None, at(100)), None);
    }

    #[test]
    fn the_due_time_of_a_bucket_is_that_of_its_first_job() {
        let mut buckets = JobBuckets::default();
        buckets.add(RETRIES, bucket(3), 50);
        buckets.set(RETRIES, bucket(3), Some(50));
        assert_eq!(buckets.first(RETRIES, bucket(3)), Some(50));
        buckets.set(RETRIES, bucket(3), Some(70));
        assert_eq!(buckets.first_due(RETRIES), Some(at(70)));
        buckets.set(RETRIES, bucket(3), None);
        assert_eq!(buckets.first_due(RETRIES), None);
        assert_eq!(buckets.first(RETRIES, bucket(3)), None);
    }
}
