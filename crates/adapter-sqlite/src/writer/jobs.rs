//! The table `jobs`, within the transaction: work that does not wait in the log, its state and its due time. Every change of
//! the table is made here, and memory ([`PendingWork::jobs`](super::pending_work::PendingWork)) is updated with it.

use domain::{Bucket, OrderId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::Writer;
use super::job_buckets::JobBuckets;
use crate::job_state::{CLAIMED, Due, JobState};

/// A waiting job of a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingJob {
    pub(super) id: OrderId,
    pub(super) due_ms: u64,
}

impl Writer<'_> {
    /// The first jobs of a bucket in the order of their due times, also those that are not due yet.
    pub(super) fn jobs_of(
        &self,
        state: JobState,
        bucket: Bucket,
        limit: usize,
    ) -> rusqlite::Result<Vec<WaitingJob>> {
        let mut jobs = self.connection.prepare_cached(
            "SELECT id, due_ms FROM jobs WHERE state = ?1 AND bucket = ?2 ORDER BY due_ms, id LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let jobs = jobs.query_map(params![state.code(), bucket.get(), limit], |found| {
            Ok(WaitingJob {
                id: OrderId::from_bytes(found.get(0)?),
                due_ms: found.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?;
        jobs.collect()
    }

    /// The number of due jobs of a bucket, counted up to `limit`.
    pub(super) fn count_due(
        &self,
        state: JobState,
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
                params![state.code(), bucket.get(), now_ms, limit],
                |found| found.get(0),
            )?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Inserts the job of an order. If the order has one, it is claimed or has the same state; it is updated.
    pub(super) fn put_job(
        &mut self,
        id: OrderId,
        state: JobState,
        due: Due,
    ) -> rusqlite::Result<()> {
        let bucket = id.bucket();
        let due_ms = due.at.as_millis();
        // A delay that does not fit becomes one that never ends.
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
                state.code(),
                bucket.get(),
                due_ms.cast_signed(),
                delay_ms
            ])?;
        self.pending.jobs.add(state, bucket, due_ms);
        Ok(())
    }

    /// Inserts a claimed job, or marks the job of the order as claimed.
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

    /// Marks a job that [`Writer::jobs_of`] returned as claimed. The caller updates the first due time of its bucket.
    pub(super) fn mark_job_claimed(&mut self, id: OrderId) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE jobs SET state = ?2 WHERE id = ?1")?
            .execute(params![id.as_bytes(), CLAIMED])
            .map(drop)
    }

    /// Removes the job of an order; returns `false` if it has none.
    pub(super) fn remove_job(&mut self, id: OrderId) -> rusqlite::Result<bool> {
        let removed: Option<(u8, i64)> = self
            .connection
            .prepare_cached("DELETE FROM jobs WHERE id = ?1 RETURNING state, due_ms")?
            .query_row([id.as_bytes()], |found| Ok((found.get(0)?, found.get(1)?)))
            .optional()?;
        let Some((code, due_ms)) = removed else {
            return Ok(false);
        };
        if let Some(state) = JobState::from_code(code) {
            let bucket = id.bucket();
            let first = self.pending.jobs.first(state, bucket);
            if first.is_none_or(|first| due_ms.cast_unsigned() <= first) {
                let next = self.jobs_of(state, bucket, 1)?;
                let next = next.first().map(|job| job.due_ms);
                self.pending.jobs.set(state, bucket, next);
            }
        }
        Ok(true)
    }

    /// Restarts delays after the wall clock was set back, as [`restart_delays`], and reloads the due times.
    pub(super) fn restart_delays(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let restarted = restart_delays(self.connection, now)?;
        tracing::warn!(
            jobs = restarted,
            "the wall clock was set back; delays that it would have extended were restarted"
        );
        self.pending.jobs = JobBuckets::load(self.connection)?;
        Ok(())
    }
}

/// Restarts each delay that would end later than if it began now, as happens if the wall clock is set back. Returns the
/// number of these jobs.
pub(crate) fn restart_delays(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE jobs SET due_ms = ?1 + delay_ms
                WHERE state <> ?2 AND delay_ms IS NOT NULL AND due_ms > ?1 + delay_ms",
        )?
        .execute(params![now.as_millis().cast_signed(), CLAIMED])
}
