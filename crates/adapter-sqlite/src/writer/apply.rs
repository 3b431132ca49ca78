//! Writing decisions, within the transaction: what a new order's key and external id lead to, and changes of orders that
//! have the expected version and status. New rows are written by `insert`.

use std::sync::Arc;

use application::ports::{CommitError, Committed, StoreError};
use domain::{Fingerprint, Job, OrderId, Seq, Status, Timestamp, Version};
use rusqlite::params;

use super::Writer;
use super::batch::Batch;
use super::leases::Origin;
use crate::codec::log;
use crate::failure::{corrupt, is_unreadable, unavailable};
use crate::index::memtable::{IndexVersion, Named};
use crate::index::names::NameHash;
use crate::place;
use crate::prepared::{Prepared, PreparedGuard};
use crate::read::row;

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
                .find_known(batch, key, external_id, fingerprint)
                .and_then(|known| match known {
                    Some(answer) => Ok(answer),
                    None => self.insert(batch, write, bytes, ([key, external_id], lists), now),
                }),
            PreparedGuard::At { version, status } => self
                .apply_change(batch, write, bytes, (version, status), now)
                .map(|done| done.map(|seq| Committed::Written { seq })),
        }
    }

    /// The answer to a new order whose key or external id is known, the key first.
    fn find_known(
        &mut self,
        batch: &Batch,
        key: Option<NameHash>,
        external_id: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
    ) -> rusqlite::Result<Option<Result<Committed, CommitError>>> {
        if let Some(known) = self.known(batch, key, fingerprint)? {
            return Ok(Some(match known {
                Known::Equal(order) => Ok(Committed::Replayed(order)),
                Known::Other => Err(CommitError::KeyReused),
                Known::Unreadable(error) => Err(CommitError::Store(error)),
            }));
        }
        if let Some(known) = self.known(batch, external_id, fingerprint)? {
            return Ok(Some(match known {
                Known::Equal(order) => Ok(Committed::Existing(order)),
                Known::Other => Err(CommitError::ExternalIdTaken),
                Known::Unreadable(error) => Err(CommitError::Store(error)),
            }));
        }
        Ok(None)
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
            return self.put_job_of(batch, write, due);
        }
        if was_fresh_claim {
            return Ok(());
        }
        let had_job = self.remove_job(batch, id)?;
        if status == Status::Pending && version == Version::FIRST && !had_job {
            // It waited in the log; its entry is passed over from now on.
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

    /// The order that has this name already: in this transaction, in the memtable of the index, or in its file. A name that an
    /// erased order had is free. In the transaction and in the memtable it leads to the order that had it last: if that one is
    /// erased, so are all that had it before.
    fn known(
        &mut self,
        batch: &Batch,
        name: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
    ) -> rusqlite::Result<Option<Known>> {
        let Some(name) = name else { return Ok(None) };
        let connection = self.connection;
        let load = |id| match row::load(connection, id) {
            // This write alone is refused.
            Err(error) if is_unreadable(&error) => Ok(Some(Known::Unreadable(corrupt(error)))),
            loaded => Ok(loaded?.map(|(order, made_by)| {
                if made_by == fingerprint {
                    Known::Equal(order)
                } else {
                    Known::Other
                }
            })),
        };
        if let Some(id) = batch.indexed.names.get(&name) {
            return load(*id);
        }
        match self.surroundings.memtable.named(name) {
            Named::Here(id) => load(id),
            Named::Nowhere => Ok(None),
            Named::LookInFile(version) => match self.index.named(version, name, load) {
                Ok(found) => found,
                Err(error) => Ok(Some(self.index_failed(version, &error))),
            },
        }
    }

    /// The index cannot be read, though the orders can: this write alone is refused.
    fn index_failed(&self, version: IndexVersion, error: &rusqlite::Error) -> Known {
        let memtable = &self.surroundings.memtable;
        memtable.index_failed(version.generation, error);
        Known::Unreadable(unavailable(format_args!(
            "the index of orders cannot be read ({error})"
        )))
    }
}

enum Known {
    /// Made by the same command: the order as it is now.
    Equal(Arc<domain::Order>),
    /// Made by another command.
    Other,
    /// It cannot be told.
    Unreadable(StoreError),
}
