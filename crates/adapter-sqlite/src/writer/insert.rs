//! Writing the rows of new orders, within the transaction: where a row goes, and what a new order adds to the work and to
//! the index.

use application::ports::{CommitError, Committed};
use domain::{OrderId, Timestamp};
use rusqlite::{ffi, params};

use super::Writer;
use super::apply::Applied;
use super::batch::Batch;
use super::fresh::FreshWork;
use crate::failure::{Meaning, meaning};
use crate::index::names::{NameHash, UserHash};
use crate::place;
use crate::prepared::Prepared;

impl Writer<'_> {
    /// Writes a new order whose key and external id are free.
    pub(super) fn insert(
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
        // The first statements of the write: if they are refused, they leave nothing of it.
        match self.insert_row(write, bytes) {
            Err(error) if meaning(&error) == Meaning::Refused => {
                return Ok(Err(CommitError::Refused(error.to_string())));
            }
            inserted => inserted?,
        }
        let is_fresh_work = write.is_fresh_work() && self.waiting.fresh.has_room(batch.fresh.len());
        if is_fresh_work {
            batch.books.fresh_waiting += 1;
            batch.fresh.push(FreshWork {
                seq: first_seq,
                id,
                due: now,
                order: write.order.take(),
            });
        } else if let Some(due) = write.due(now) {
            self.put_job(id, write.waits, due)?;
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
        let seq = Self::finish(batch, write, bytes, is_fresh_work);
        Ok(Ok(Committed::Written { seq }))
    }

    /// Writes the row where its id leads to, or else at the next free place, or else in the overflow area.
    fn insert_row(&mut self, write: &Prepared, bytes: &[u8]) -> rusqlite::Result<()> {
        let place = place::of(write.id);
        let taken = match self.insert_row_at(place, write, bytes) {
            Err(error) if is_taken(&error) => error,
            inserted => return inserted,
        };
        match self.next_place(write.id, place)? {
            Next::Free(free) => self.insert_row_at(free, write, bytes),
            Next::Full => self.insert_into_overflow(write, bytes),
            Next::IsThere => Err(taken),
        }
    }

    fn insert_row_at(
        &mut self,
        place: i64,
        write: &Prepared,
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        let row = params![
            place,
            write.id.as_bytes(),
            write.status.code(),
            write.version.get(),
            write.standing(bytes),
            write.history(bytes),
            write.facts(bytes)
        ];
        self.hot.insert.execute(row).map(drop)
    }

    /// The next free place of the millisecond for an order whose own one is taken.
    fn next_place(&self, id: OrderId, taken: i64) -> rusqlite::Result<Next> {
        let mut rows = self.connection.prepare_cached(
            "SELECT place, id FROM orders WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        )?;
        let last = taken + place::REACH - 1;
        let mut rows = rows.query([taken, last])?;
        let mut free = taken;
        while let Some(found) = rows.next()? {
            if found.get_ref(1)?.as_blob()? == id.as_bytes() {
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

    fn insert_into_overflow(&mut self, write: &Prepared, bytes: &[u8]) -> rusqlite::Result<()> {
        let connection = self.connection;
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(place) FROM orders WHERE place < 0")?
            .query_row([], |found| found.get(0))?;
        let place = last.map_or(i64::MIN, |last| last + 1);
        let id = write.id.as_bytes();
        // Refused if the order is there already.
        connection
            .prepare_cached("INSERT INTO overflow (id, place) VALUES (?1, ?2)")?
            .execute(params![id, place])?;
        let inserted = self.insert_row_at(place, write, bytes);
        if inserted.is_err() {
            connection
                .prepare_cached("DELETE FROM overflow WHERE id = ?1")?
                .execute([id])?;
        }
        inserted
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
