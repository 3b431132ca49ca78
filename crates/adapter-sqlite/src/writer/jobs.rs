//! The table `jobs`, within the transaction: work that is not fresh, and how each piece of it waits.

use domain::{OrderId, Timestamp};
use rusqlite::params;

use super::Writer;
use super::batch::Batch;
use crate::prepared::Prepared;

/// How a job waits; 1 stands between them for one that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    InCompany = 0,
    Quarantined = 2,
}

impl Writer<'_> {
    /// Jobs that are due and that nobody has, also not in this transaction.
    pub(super) fn due_jobs(
        &self,
        batch: &Batch,
        waits: Waits,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<(OrderId, u64)>> {
        // Written out, so that each finds its index.
        let (earliest, sql) = match waits {
            Waits::InCompany => (
                self.books.jobs.in_company,
                "SELECT id, due_ms FROM jobs WHERE claimed = 0 AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
            ),
            Waits::Quarantined => (
                self.books.jobs.alone,
                "SELECT id, due_ms FROM jobs WHERE claimed = 2 AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
            ),
        };
        if !batch.touches_jobs && earliest.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![now.as_millis().cast_signed(), limit], |row| {
            let due_ms: i64 = row.get(1)?;
            Ok((OrderId::from_bytes(row.get(0)?), due_ms.cast_unsigned()))
        })?;
        rows.collect()
    }

    /// Puts the work that a write leaves among the jobs.
    pub(super) fn put_job_of(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        due: Timestamp,
    ) -> rusqlite::Result<()> {
        let waits = if write.is_quarantined {
            Waits::Quarantined
        } else {
            Waits::InCompany
        };
        self.put_job(batch, write.id, waits, due)
    }

    pub(super) fn put_job(
        &mut self,
        batch: &mut Batch,
        id: OrderId,
        waits: Waits,
        due: Timestamp,
    ) -> rusqlite::Result<()> {
        batch.touches_jobs = true;
        let due_ms = due.as_millis().cast_signed();
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO jobs (id, due_ms, claimed) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![id.as_bytes(), due_ms, waits as u8])
            .map(drop)
    }

    pub(super) fn remove_job(&mut self, batch: &mut Batch, id: OrderId) -> rusqlite::Result<bool> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM jobs WHERE id = ?1")?
            .execute([id.as_bytes()])?;
        batch.touches_jobs |= removed > 0;
        Ok(removed > 0)
    }
}
