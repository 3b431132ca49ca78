//! When the first job of each home bucket is due, in memory, so that a claim goes round the buckets without reading those
//! whose work is due later. At most 4,096 entries a state.
//!
//! Kept up by the writer with every change of the table `jobs`; read from the table when the store is opened, and again
//! after a transaction that failed. Rows are claimed by `lanes`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use domain::{Bucket, Timestamp};
use rusqlite::Connection;

use crate::waits::Waits;

/// The first due time of each bucket, in milliseconds: never later than that of the table.
#[derive(Debug, Default)]
pub(crate) struct JobBuckets {
    states: [FirstDue; Waits::ALL.len()],
}

#[derive(Debug, Default)]
struct FirstDue {
    by_bucket: BTreeMap<Bucket, u64>,
    by_due: BTreeSet<(u64, Bucket)>,
}

impl JobBuckets {
    /// As the table has them.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut buckets = Self::default();
        let mut rows = connection
            .prepare_cached("SELECT state, bucket, min(due_ms) FROM jobs GROUP BY state, bucket")?;
        let mut rows = rows.query([])?;
        while let Some(found) = rows.next()? {
            let bucket = Bucket::from_number(found.get(1)?);
            if let (Some(waits), Some(bucket)) = (Waits::from_state(found.get(0)?), bucket) {
                let due_ms = found.get::<_, i64>(2)?.cast_unsigned();
                buckets.set(waits, bucket, Some(due_ms));
            }
        }
        Ok(buckets)
    }

    /// The first job of this bucket is due then; `None` if none waits.
    pub(crate) fn set(&mut self, waits: Waits, bucket: Bucket, due_ms: Option<u64>) {
        let state = &mut self.states[waits.index()];
        let before = match due_ms {
            Some(due_ms) => {
                state.by_due.insert((due_ms, bucket));
                state.by_bucket.insert(bucket, due_ms)
            }
            None => state.by_bucket.remove(&bucket),
        };
        if let Some(before) = before.filter(|before| due_ms != Some(*before)) {
            state.by_due.remove(&(before, bucket));
        }
    }

    /// A job of this bucket is due then.
    pub(crate) fn add(&mut self, waits: Waits, bucket: Bucket, due_ms: u64) {
        if self.first(waits, bucket).is_none_or(|first| due_ms < first) {
            self.set(waits, bucket, Some(due_ms));
        }
    }

    /// When the first job of a bucket is due.
    pub(crate) fn first(&self, waits: Waits, bucket: Bucket) -> Option<u64> {
        self.states[waits.index()].by_bucket.get(&bucket).copied()
    }

    /// When the first job of any bucket is due.
    pub(crate) fn first_due(&self, waits: Waits) -> Option<Timestamp> {
        let (due_ms, _) = self.states[waits.index()].by_due.first()?;
        // What does not fit is never due: no clock shows it.
        Timestamp::from_millis(*due_ms).ok()
    }

    /// The buckets whose first job is due, the one that is due for longest first.
    pub(crate) fn due(&self, waits: Waits, now: Timestamp) -> impl Iterator<Item = Bucket> {
        let due = &self.states[waits.index()].by_due;
        let due = due
            .iter()
            .take_while(move |(due_ms, _)| *due_ms <= now.as_millis());
        due.map(|(_, bucket)| *bucket)
    }

    /// The first bucket behind `after` whose work is due.
    pub(crate) fn next_due(
        &self,
        waits: Waits,
        after: Option<Bucket>,
        now: Timestamp,
    ) -> Option<Bucket> {
        let after = after.map_or(Unbounded, Excluded);
        let mut following = self.states[waits.index()]
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
    use crate::waits::Waits;

    const RETRIES: Waits = Waits::InLane(Lane::Retries);

    fn bucket(number: u16) -> Bucket {
        Bucket::from_number(number).unwrap()
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    #[test]
    fn only_buckets_whose_work_is_due_have_their_turn() {
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
        assert_eq!(buckets.next_due(Waits::Quarantined, None, at(100)), None);
    }

    #[test]
    fn a_bucket_follows_its_first_job() {
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
