//! The table `jobs`, within the transaction: work that does not wait in the log, how each piece of it waits, and when it is
//! due. Every change of the table is made here, and memory ([`Waiting::jobs`](super::waiting::Waiting)) follows at once.

use domain::{Bucket, OrderId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::Writer;
use super::job_buckets::JobBuckets;
use crate::waits::{CLAIMED, Due, Waits};

/// A job of a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingJob {
    pub(super) id: OrderId,
    pub(super) due_ms: u64,
}

impl Writer<'_> {
    /// The first jobs of a bucket in the order in which they are due, also those that are due later.
    pub(super) fn jobs_of(
        &self,
        waits: Waits,
        bucket: Bucket,
        limit: usize,
    ) -> rusqlite::Result<Vec<WaitingJob>> {
        let mut jobs = self.connection.prepare_cached(
            "SELECT id, due_ms FROM jobs WHERE state = ?1 AND bucket = ?2 ORDER BY due_ms, id LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let jobs = jobs.query_map(params![waits.state(), bucket.get(), limit], |found| {
            Ok(WaitingJob {
                id: OrderId::from_bytes(found.get(0)?),
                due_ms: found.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?;
        jobs.collect()
    }

    /// How many jobs of a bucket are due, counted up to `limit`.
    pub(super) fn count_due(
        &self,
        waits: Waits,
        bucket: Bucket,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<usize> {
        let now_ms = now.as_millis().cast_signed();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let count: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM jobs
                    WHERE state = ?1 AND bucket = ?2 AND due_ms <= ?3 LIMIT ?4)",
            )?
            .query_row(
                params![waits.state(), bucket.get(), now_ms, limit],
                |found| found.get(0),
            )?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Puts work among the jobs. If its order has a job, a worker holds that, or it waits in the same way.
    pub(super) fn put_job(&mut self, id: OrderId, waits: Waits, due: Due) -> rusqlite::Result<()> {
        let bucket = id.bucket();
        let due_ms = due.at.as_millis();
        // As long as there are clocks, if it is longer.
        let delay_ms = due
            .delay
            .map(|delay| i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 2));
        self.connection
            .prepare_cached(
                "INSERT INTO jobs (id, state, bucket, due_ms, delay_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                    ON CONFLICT (id) DO UPDATE SET
                        state = excluded.state, due_ms = excluded.due_ms, delay_ms = excluded.delay_ms",
            )?
            .execute(params![
                id.as_bytes(),
                waits.state(),
                bucket.get(),
                due_ms.cast_signed(),
                delay_ms
            ])?;
        self.waiting.jobs.add(waits, bucket, due_ms);
        Ok(())
    }

    /// Notes that a worker holds the work of an order, which has a job or has none.
    pub(super) fn put_claimed_job(&mut self, id: OrderId, now: Timestamp) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO jobs (id, state, bucket, due_ms) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (id) DO UPDATE SET state = excluded.state",
            )?
            .execute(params![
                id.as_bytes(),
                CLAIMED,
                id.bucket().get(),
                now.as_millis().cast_signed()
            ])
            .map(drop)
    }

    /// Notes that a worker holds a job that was found by [`Writer::jobs_of`]. The caller lets memory follow.
    pub(super) fn claim_job(&mut self, id: OrderId) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE jobs SET state = ?2 WHERE id = ?1")?
            .execute(params![id.as_bytes(), CLAIMED])
            .map(drop)
    }

    /// Removes the job of an order; `false` if it has none.
    pub(super) fn remove_job(&mut self, id: OrderId) -> rusqlite::Result<bool> {
        let removed: Option<(u8, i64)> = self
            .connection
            .prepare_cached("DELETE FROM jobs WHERE id = ?1 RETURNING state, due_ms")?
            .query_row([id.as_bytes()], |found| Ok((found.get(0)?, found.get(1)?)))
            .optional()?;
        let Some((state, due_ms)) = removed else {
            return Ok(false);
        };
        if let Some(waits) = Waits::from_state(state) {
            let bucket = id.bucket();
            let first = self.waiting.jobs.first(waits, bucket);
            if first.is_none_or(|first| due_ms.cast_unsigned() <= first) {
                let next = self.jobs_of(waits, bucket, 1)?;
                let next = next.first().map(|job| job.due_ms);
                self.waiting.jobs.set(waits, bucket, next);
            }
        }
        Ok(true)
    }

    /// The wall clock was set back: begins the delays anew that would end later than that.
    pub(super) fn restart_delays(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let restarted = restart_delays(self.connection, now)?;
        tracing::warn!(
            jobs = restarted,
            "the wall clock was set back; delays that it would have prolonged begin anew"
        );
        self.waiting.jobs = JobBuckets::load(self.connection)?;
        Ok(())
    }
}

/// Lets no job be due later than its delay from now; how many would have been.
pub(crate) fn restart_delays(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE jobs SET due_ms = ?1 + delay_ms
                WHERE state <> ?2 AND delay_ms IS NOT NULL AND due_ms > ?1 + delay_ms",
        )?
        .execute(params![now.as_millis().cast_signed(), CLAIMED])
}
