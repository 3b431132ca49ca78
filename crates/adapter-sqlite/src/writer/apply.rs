//! Writing decisions, within the transaction: changes of orders that have the expected version and status. What the key and
//! external id of a new order lead to is found by `known`, new rows are written by `insert`.

use application::ports::{CommitError, Committed};
use domain::{Job, OrderId, Seq, Status, Timestamp, Version};
use rusqlite::params;

use super::Writer;
use super::batch::Batch;
use super::leases::Origin;
use crate::codec::log;
use crate::place;
use crate::prepared::{Prepared, PreparedGuard};

/// The answer to one write, or the failure that ends the transaction.
pub(super) type Applied<T> = rusqlite::Result<Result<T, CommitError>>;

impl Writer<'_> {
    /// Applies one write within the transaction.
    pub(super) fn apply(
        &mut self,
        batch: &mut Batch,
        write: &mut Prepared,
        bytes: &mut [u8],
        now: Timestamp,
    ) -> Applied<Committed> {
        match write.guard {
            PreparedGuard::New {
                key,
                external_id,
                fingerprint,
                lists,
            } => self
                .find_known(batch, [key, external_id], fingerprint, write.facts(bytes))
                .and_then(|known| match known {
                    Some(answer) => Ok(answer),
                    None => self.insert(batch, write, bytes, ([key, external_id], lists), now),
                }),
            PreparedGuard::At { version, status } => self
                .apply_change(batch, write, bytes, (version, status), now)
                .map(|done| done.map(|seq| Committed::Written { seq })),
        }
    }

    /// A change of an order that must have this version and status: the fencing check, in SQL.
    pub(super) fn apply_change(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        bytes: &mut [u8],
        before: (Version, Status),
        now: Timestamp,
    ) -> Applied<Seq> {
        if !self.change_row(batch, write, bytes, before)? {
            return Ok(Err(CommitError::Stale));
        }
        self.follow_work(batch, write, before, now)?;
        Ok(Ok(Self::finish(batch, write, bytes, false)))
    }

    /// Changes the order's row if it has this version and status; the first statement of a change, so that a refused one
    /// leaves nothing. `false` if the order has moved on.
    pub(super) fn change_row(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        bytes: &mut [u8],
        before: (Version, Status),
    ) -> rusqlite::Result<bool> {
        write.stamp(bytes, batch.books.head + 1);
        let id = write.id;
        let belongs_at = place::of(id);
        let is_changed = self.change_row_at(belongs_at, write, bytes, before)?
            || match self.place(id)? {
                Some(place) if place != belongs_at => {
                    self.change_row_at(place, write, bytes, before)?
                }
                Some(_) | None => false,
            };
        if is_changed {
            batch.books.count(Some(before.1), write.status);
        }
        Ok(is_changed)
    }

    fn change_row_at(
        &mut self,
        place: i64,
        write: &Prepared,
        bytes: &[u8],
        (version, status): (Version, Status),
    ) -> rusqlite::Result<bool> {
        let changed = self.hot.change.execute(params![
            write.status.code(),
            write.version.get(),
            write.standing(bytes),
            write.history(bytes),
            place,
            write.id.as_bytes(),
            version.get(),
            status.code()
        ])?;
        Ok(changed > 0)
    }

    fn place(&self, id: OrderId) -> rusqlite::Result<Option<i64>> {
        place::by_id!("place").find(self.connection, &id, |found| found.get(0))
    }

    /// What a change means for the work: a job to put or to remove, a lease that ends.
    fn follow_work(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        (version, status): (Version, Status),
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let id = write.id;
        // A claim keeps its job and takes its lease itself.
        if write.job == Job::Leased {
            return Ok(());
        }
        let mut was_fresh_claim = false;
        if status == Status::Processing {
            was_fresh_claim = self
                .leases
                .get(id)
                .is_some_and(|lease| matches!(lease.origin, Origin::Fresh(_)));
            batch.leases_ended.push(id);
        }
        if let Some(due) = write.due(now) {
            return self.put_job(id, write.waits, due);
        }
        if was_fresh_claim {
            return Ok(());
        }
        let had_job = self.remove_job(id)?;
        if status == Status::Pending && version == Version::FIRST && !had_job {
            // It waited in the log; its entry is passed over from now on.
            self.waiting.pass_over(batch, id);
            batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
        }
        Ok(())
    }

    /// The log entries and events of a write whose order is written.
    pub(super) fn finish(
        batch: &mut Batch,
        write: &Prepared,
        bytes: &[u8],
        is_fresh_work: bool,
    ) -> Seq {
        let (id, bits) = (write.id, batch.bits);
        for (version, encoded) in write.events(bytes) {
            batch.books.head += 1;
            log::put(&mut batch.log, id, version.get(), is_fresh_work);
            let user = write.user(bytes);
            batch.events.push(bits, id, version, user, encoded);
        }
        Seq(batch.books.head)
    }
}
