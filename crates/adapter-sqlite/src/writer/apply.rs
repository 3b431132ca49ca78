//! Applying one write within the transaction. Changes of existing orders are applied here, under their guard of version and
//! status; `duplicates` looks up the unique keys of a new order, and `insert` writes its row.

use application::ports::{CommitError, Committed};
use domain::{Job, OrderId, Seq, Status, Timestamp, Version};
use rusqlite::params;

use super::Writer;
use super::leases::Origin;
use super::transaction::Transaction;
use crate::codec::log;
use crate::encoded_write::{EncodedGuard, EncodedWrite};
use crate::rowid;

/// The answer to one write; the outer error fails the transaction.
pub(super) type Applied<T> = rusqlite::Result<Result<T, CommitError>>;

impl Writer<'_> {
    /// Applies one write.
    pub(super) fn apply(
        &mut self,
        transaction: &mut Transaction,
        write: &mut EncodedWrite,
        bytes: &mut [u8],
        now: Timestamp,
    ) -> Applied<Committed> {
        match write.guard {
            EncodedGuard::New {
                key,
                external_id,
                fingerprint,
                lists,
            } => {
                let keys = [key, external_id];
                let facts = write.facts(bytes);
                match self.find_duplicate(transaction, keys, fingerprint, facts)? {
                    Some(answer) => Ok(answer),
                    None => self.insert(transaction, write, bytes, (keys, lists), now),
                }
            }
            EncodedGuard::At { version, status } => self
                .apply_change(transaction, write, bytes, (version, status), now)
                .map(|done| done.map(|seq| Committed::Written { seq })),
        }
    }

    /// Changes an order that has this version and status (the fencing check); otherwise the answer is
    /// [`CommitError::Stale`].
    pub(super) fn apply_change(
        &mut self,
        transaction: &mut Transaction,
        write: &EncodedWrite,
        bytes: &mut [u8],
        before: (Version, Status),
        now: Timestamp,
    ) -> Applied<Seq> {
        if !self.change_row(transaction, write, bytes, before)? {
            return Ok(Err(CommitError::Stale));
        }
        self.update_work(transaction, write, before, now)?;
        Ok(Ok(Self::finish(transaction, write, bytes, false)))
    }

    /// Changes the row of the order if it has this version and status; returns `false` if it has not. It is the first
    /// statement of a change, so a refused change leaves nothing behind.
    pub(super) fn change_row(
        &mut self,
        transaction: &mut Transaction,
        write: &EncodedWrite,
        bytes: &mut [u8],
        before: (Version, Status),
    ) -> rusqlite::Result<bool> {
        write.stamp(bytes, transaction.counters.head + 1);
        let id = write.id;
        let home = rowid::of(id);
        let is_changed = self.change_row_at(home, write, bytes, before)?
            || match self.rowid_of(id)? {
                Some(rowid) if rowid != home => self.change_row_at(rowid, write, bytes, before)?,
                Some(_) | None => false,
            };
        if is_changed {
            transaction.counters.count(Some(before.1), write.status);
        }
        Ok(is_changed)
    }

    fn change_row_at(
        &mut self,
        rowid: i64,
        write: &EncodedWrite,
        bytes: &[u8],
        (version, status): (Version, Status),
    ) -> rusqlite::Result<bool> {
        let changed = self.statements.change.execute(params![
            write.status.code(),
            write.version.get(),
            write.standing(bytes),
            write.history(bytes),
            rowid,
            write.id.as_bytes(),
            version.get(),
            status.code()
        ])?;
        Ok(changed > 0)
    }

    fn rowid_of(&self, id: OrderId) -> rusqlite::Result<Option<i64>> {
        rowid::by_id!("place").find(self.connection, &id, |found| found.get(0))
    }

    /// Updates the waiting work after a change: inserts or removes a job, and ends a lease.
    fn update_work(
        &mut self,
        transaction: &mut Transaction,
        write: &EncodedWrite,
        (version, status): (Version, Status),
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let id = write.id;
        // A claim keeps its job and takes its lease itself.
        if write.job == Job::Leased {
            return Ok(());
        }
        let mut has_no_job = false;
        if status == Status::Processing {
            has_no_job = self
                .leases
                .get(id)
                .is_some_and(|lease| matches!(lease.origin, Origin::Log(_)));
            transaction.leases_ended.push(id);
        }
        if let Some(due) = write.due(now) {
            return self.put_job(id, write.job_state, due);
        }
        if has_no_job {
            return Ok(());
        }
        let had_job = self.remove_job(id)?;
        if status == Status::Pending && version == Version::FIRST && !had_job {
            // The order waited in the log. A claim skips its log entry from now on.
            self.pending.remove_unclaimed(transaction, id);
            transaction.counters.subtract_unclaimed();
        }
        Ok(())
    }

    /// Adds the log entries and the events of a write whose row is written. Returns the sequence number of its last event.
    pub(super) fn finish(
        transaction: &mut Transaction,
        write: &EncodedWrite,
        bytes: &[u8],
        is_queued: bool,
    ) -> Seq {
        let (id, bits) = (write.id, transaction.bits);
        for (version, encoded) in write.events(bytes) {
            transaction.counters.head += 1;
            log::put(&mut transaction.log, id, version.get(), is_queued);
            let user = write.user(bytes);
            transaction.events.push(bits, id, version, user, encoded);
        }
        Seq(transaction.counters.head)
    }
}
