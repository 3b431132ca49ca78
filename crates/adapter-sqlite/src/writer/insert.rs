//! Inserting new orders within the transaction: the rowid of the row, and the additions to the waiting work and to the index.

use application::ports::{CommitError, Committed};
use domain::{OrderId, Timestamp};
use rusqlite::{ffi, params};

use super::Writer;
use super::apply::Applied;
use super::transaction::Transaction;
use super::unclaimed::UnclaimedOrder;
use crate::encoded_write::EncodedWrite;
use crate::failure::{Meaning, meaning};
use crate::index::hashes::{UniqueKeyHash, UserHash};
use crate::rowid;

impl Writer<'_> {
    /// Inserts a new order whose key and external id are unused.
    pub(super) fn insert(
        &mut self,
        transaction: &mut Transaction,
        write: &mut EncodedWrite,
        bytes: &mut [u8],
        (keys, lists): ([Option<UniqueKeyHash>; 2], (UserHash, Option<UserHash>)),
        now: Timestamp,
    ) -> Applied<Committed> {
        let first_seq = transaction.counters.head + 1;
        write.stamp(bytes, first_seq);
        let (id, status) = (write.id, write.status);
        // These are the first statements of the write, so a refused write leaves nothing behind.
        match self.insert_row(write, bytes) {
            Err(error) if meaning(&error) == Meaning::Refused => {
                return Ok(Err(CommitError::Refused(error.to_string())));
            }
            inserted => inserted?,
        }
        let new_unclaimed = transaction.new_unclaimed.len();
        let is_queued =
            write.is_due_at_once() && self.pending.unclaimed.has_space_after(new_unclaimed);
        if is_queued {
            transaction.counters.unclaimed += 1;
            transaction.new_unclaimed.push(UnclaimedOrder {
                seq: first_seq,
                id,
                order: write.order.take(),
            });
        } else if let Some(due) = write.due(now) {
            self.put_job(id, write.job_state, due)?;
        }
        transaction.counters.count(None, status);
        let indexed = &mut transaction.indexed;
        indexed.push(lists.0, id);
        if let Some(of_external_id) = lists.1 {
            indexed.push(of_external_id, id);
        }
        let keys = keys.into_iter().flatten();
        indexed.unique_keys.extend(keys.map(|key| (key, id)));
        let seq = Self::finish(transaction, write, bytes, is_queued);
        Ok(Ok(Committed::Written { seq }))
    }

    /// Inserts the row at its home rowid, or at the next free one, or in the overflow area.
    fn insert_row(&mut self, write: &EncodedWrite, bytes: &[u8]) -> rusqlite::Result<()> {
        let home = rowid::of(write.id);
        let occupied = match self.insert_row_at(home, write, bytes) {
            Err(error) if is_occupied(&error) => error,
            inserted => return inserted,
        };
        match self.probe(write.id, home)? {
            Probe::Free(rowid) => self.insert_row_at(rowid, write, bytes),
            Probe::AllOccupied => self.insert_into_overflow(write, bytes),
            Probe::Exists => Err(occupied),
        }
    }

    fn insert_row_at(
        &mut self,
        rowid: i64,
        write: &EncodedWrite,
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        let row = params![
            rowid,
            write.id.as_bytes(),
            write.status.code(),
            write.version.get(),
            write.standing(bytes),
            write.history(bytes),
            write.facts(bytes)
        ];
        self.statements.insert.execute(row).map(drop)
    }

    /// Searches the rowids from `home` on for a free one (linear probing).
    fn probe(&self, id: OrderId, home: i64) -> rusqlite::Result<Probe> {
        let mut rows = self.connection.prepare_cached(
            "SELECT place, id FROM orders WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        )?;
        let last = home + rowid::PROBE_LIMIT - 1;
        let mut rows = rows.query([home, last])?;
        let mut free = home;
        while let Some(found) = rows.next()? {
            if found.get_ref(1)?.as_blob()? == id.as_bytes() {
                return Ok(Probe::Exists);
            }
            if free == found.get::<_, i64>(0)? {
                free += 1;
            }
        }
        Ok(if free <= last {
            Probe::Free(free)
        } else {
            Probe::AllOccupied
        })
    }

    fn insert_into_overflow(&mut self, write: &EncodedWrite, bytes: &[u8]) -> rusqlite::Result<()> {
        let connection = self.connection;
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(place) FROM orders WHERE place < 0")?
            .query_row([], |found| found.get(0))?;
        let rowid = last.map_or(i64::MIN, |last| last + 1);
        let id = write.id.as_bytes();
        // The primary key refuses an order that is already there.
        connection
            .prepare_cached("INSERT INTO overflow (id, place) VALUES (?1, ?2)")?
            .execute(params![id, rowid])?;
        let inserted = self.insert_row_at(rowid, write, bytes);
        if inserted.is_err() {
            connection
                .prepare_cached("DELETE FROM overflow WHERE id = ?1")?
                .execute([id])?;
        }
        inserted
    }
}

/// The result of probing for a rowid.
enum Probe {
    Free(i64),
    /// The order itself already has a row.
    Exists,
    /// All rowids within the probe limit are occupied.
    AllOccupied,
}

/// Whether an insert failed because its rowid has a row.
fn is_occupied(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}
