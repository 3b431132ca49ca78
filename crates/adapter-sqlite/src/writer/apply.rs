//! Writing decisions down, within the transaction: new orders, and changes of orders that stand as expected.

use std::sync::Arc;

use application::ports::{CommitError, Committed, StoreError};
use domain::{Fingerprint, Job, OrderId, Seq, Status, Timestamp, Version};
use rusqlite::{OptionalExtension, ffi, params};

use super::Writer;
use super::batch::Batch;
use super::fresh::FreshWork;
use super::leases::Origin;
use crate::codec::log;
use crate::failure::{Meaning, corrupt, is_unreadable, meaning, unavailable};
use crate::index::names::{NameHash, UserHash};
use crate::index::tail::{Edition, Named};
use crate::place;
use crate::prepared::{Prepared, PreparedGuard};
use crate::read::row;

type Applied<T> = rusqlite::Result<Result<T, CommitError>>;

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

    /// What a new order is answered whose key or external id is known, the key first.
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

    fn insert(
        &mut self,
        batch: &mut Batch,
        write: &mut Prepared,
        bytes: &mut [u8],
        (names, lists): ([Option<NameHash>; 2], (UserHash, Option<UserHash>)),
        now: Timestamp,
    ) -> Applied<Committed> {
        let first_seq = batch.books.head + 1;
        write.stamp(bytes, first_seq);
        let (id, status) = (write.id, write.status);
        // The first statement of the write: where it is refused, nothing of the write is there.
        let place = match self.insert_row(write, bytes, place::of(id)) {
            Err(error) if meaning(&error) == Meaning::Refused => {
                return Ok(Err(CommitError::Refused(error.to_string())));
            }
            inserted => inserted?,
        };
        let Some(place) = place else {
            return Ok(Err(CommitError::Store(unavailable(
                "there are as many orders of this millisecond as the store has places for; try again",
            ))));
        };
        let is_fresh_work = write.is_fresh_work();
        if is_fresh_work {
            batch.books.fresh_waiting += 1;
            batch.fresh.push(FreshWork {
                seq: first_seq,
                id,
                order: write.order.take(),
            });
        } else if let Job::DueIn(delay) = write.job {
            self.put_job_of(batch, write, now.saturating_add(delay))?;
        }
        batch.books.count(None, status);
        batch.indexed.push(lists.0, id);
        if let Some(of_external_id) = lists.1 {
            batch.indexed.push(of_external_id, id);
        }
        batch
            .indexed
            .names
            .extend(names.into_iter().flatten().map(|name| (name, id)));
        self.finish(batch, write, bytes, place, is_fresh_work)
            .map(|seq| Ok(Committed::Written { seq }))
    }

    /// Writes the row of a new order where it belongs, or at the next free place; returns where it is, `None` where no
    /// place is left.
    fn insert_row(
        &mut self,
        write: &Prepared,
        bytes: &[u8],
        place: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let id = write.id;
        let inserted = self.hot.insert.execute(params![
            place,
            id.as_bytes(),
            write.status.code(),
            write.version.get(),
            write.standing(bytes),
            write.history(bytes),
            write.facts(bytes)
        ]);
        match inserted {
            Err(error) if is_taken(&error) => match self.next_place(id, place)? {
                Next::Free(free) => self.insert_row(write, bytes, free),
                Next::Full => Ok(None),
                Next::IsThere => Err(error),
            },
            inserted => inserted.map(|_| Some(place)),
        }
    }

    /// Where an order goes that does not find its place free.
    fn next_place(&self, id: OrderId, taken: i64) -> rusqlite::Result<Next> {
        let mut rows = self.connection.prepare_cached(
            "SELECT place, id FROM orders WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        )?;
        let (_, last, own_id) = place::key(&id);
        let mut rows = rows.query([taken, last])?;
        let mut free = taken;
        while let Some(found) = rows.next()? {
            if found.get_ref(1)?.as_blob()? == own_id {
                return Ok(Next::IsThere);
            }
            if free == found.get::<_, i64>(0)? {
                free += 1;
            }
        }
        Ok(if free <= last {
            Next::Free(free)
        } else {
            Next::Full
        })
    }

    /// A change of an order that must stand at this version and status: the fencing check, in SQL.
    pub(super) fn apply_change(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        bytes: &mut [u8],
        before: (Version, Status),
        now: Timestamp,
    ) -> Applied<Seq> {
        let Some(place) = self.change_row(batch, write, bytes, before)? else {
            return Ok(Err(CommitError::Stale));
        };
        self.follow_work(batch, write, before, now)?;
        self.finish(batch, write, bytes, place, false).map(Ok)
    }

    /// The order's row, where it stands at this version and status; the first statement of a change, so that nothing
    /// of it is there where it is refused. The place of the row; `None` where the order stands otherwise.
    pub(super) fn change_row(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        bytes: &mut [u8],
        before: (Version, Status),
    ) -> rusqlite::Result<Option<i64>> {
        write.stamp(bytes, batch.books.head + 1);
        let id = write.id;
        let belongs_at = place::of(id);
        let place = if self.change_row_at(belongs_at, write, bytes, before)? {
            Some(belongs_at)
        } else {
            let elsewhere = self.place(id)?.filter(|place| *place != belongs_at);
            match elsewhere {
                Some(place) => self
                    .change_row_at(place, write, bytes, before)?
                    .then_some(place),
                None => None,
            }
        };
        if place.is_some() {
            batch.books.count(Some(before.1), write.status);
        }
        Ok(place)
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
        self.connection
            .prepare_cached(concat!(
                "SELECT place FROM orders WHERE ",
                place::is_order!()
            ))?
            .query_row(place::key(&id), |found| found.get(0))
            .optional()
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
        match write.job {
            Job::DueIn(delay) => self.put_job_of(batch, write, now.saturating_add(delay))?,
            Job::Nothing if was_fresh_claim => {}
            Job::Nothing | Job::Leased => {
                let had_job = self.remove_job(batch, id)?;
                if status == Status::Pending && version == Version::FIRST && !had_job {
                    // It waited in the log; its entry is passed over from now on.
                    batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Receipt, log entries and events of a write whose order is written.
    pub(super) fn finish(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        bytes: &[u8],
        place: i64,
        is_fresh_work: bool,
    ) -> rusqlite::Result<Seq> {
        let id = write.id;
        if let Some(text) = &write.receipt {
            self.hot.receipt.execute(params![place, text])?;
        }
        for (version, encoded) in write.events(bytes) {
            batch.books.head += 1;
            log::put(&mut batch.log, id, version.get(), is_fresh_work);
            batch.events.push(id, version, write.user(bytes), encoded);
        }
        Ok(Seq(batch.books.head))
    }

    /// The order that has this name already: in this transaction, in the tail of the index, or in its file.
    fn known(
        &mut self,
        batch: &Batch,
        name: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
    ) -> rusqlite::Result<Option<Known>> {
        let Some(name) = name else { return Ok(None) };
        let id = match batch.indexed.names.get(&name) {
            Some(id) => Some(*id),
            None => match self.surroundings.tail.named(name) {
                Named::Here(id) => Some(id),
                Named::Nowhere => None,
                Named::LookInFile(edition) => match self.index.named(edition, name) {
                    Ok(found) => found,
                    Err(error) => return Ok(Some(self.index_failed(edition, &error))),
                },
            },
        };
        let Some(id) = id else { return Ok(None) };
        let loaded = match row::load(self.connection, id) {
            // This write alone is refused.
            Err(error) if is_unreadable(&error) => {
                return Ok(Some(Known::Unreadable(corrupt(error))));
            }
            loaded => loaded?,
        };
        let Some((order, made_by)) = loaded else {
            // The order was erased, and its names with it.
            return Ok(None);
        };
        Ok(Some(if made_by == fingerprint {
            Known::Equal(order)
        } else {
            Known::Other
        }))
    }

    /// The orders are sound where only their index is not: this write alone is refused.
    fn index_failed(&self, edition: Edition, error: &rusqlite::Error) -> Known {
        let tail = &self.surroundings.tail;
        tail.index_failed(edition.generation, error);
        Known::Unreadable(unavailable(format_args!(
            "the index of orders cannot be read ({error})"
        )))
    }
}

enum Next {
    Free(i64),
    /// The order itself is there already.
    IsThere,
    /// All places within reach are taken.
    Full,
}

/// Whether there is a row at the place already.
fn is_taken(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

enum Known {
    /// Made by the same command: the order as it is now.
    Equal(Arc<domain::Order>),
    /// Made by another command.
    Other,
    /// Nobody can say.
    Unreadable(StoreError),
}
