//! Erasing an order within the transaction: its row becomes a tombstone, and its events keep their positions in the feed.
//!
//! Personal data leaves the row at once: facts and standing become empty, and each event keeps only the fields of
//! [`Event::tombstone`]. SQLite overwrites the freed space of the file with zeros (`secure_delete`, see `schema`), at the
//! latest when a checkpoint copies the page into the file. The file of the write-ahead log may contain older copies of the
//! page until it is overwritten after that checkpoint, or until the store is closed. The index keeps hashes of the user, the
//! key and the external id until it is rebuilt; they lead to a row that is no order, so a lookup does not find it.

use application::ports::{CommitError, Deadline, Erasure, StoreError};
use domain::{Event, EventPosition, EventType, OrderId, Seq, Status, Version};
use rusqlite::params;

use super::Writer;
use super::apply::Applied;
use super::transaction::Transaction;
use crate::codec::{Unreadable, history, log};
use crate::failure::{corrupt, is_unreadable};
use crate::order_row;
use crate::rowid;

/// The row of an order that may be erased.
struct Erasable {
    rowid: i64,
    /// Its events as tombstones, encoded with their sequence numbers.
    tombstones: Vec<u8>,
}

impl Writer<'_> {
    /// Erases an order that has the expected version and status.
    pub(super) fn erase(
        &mut self,
        transaction: &mut Transaction,
        erasure: &Erasure,
        deadline: Deadline,
    ) -> Applied<EventPosition> {
        if deadline <= tokio::time::Instant::now() {
            return Ok(Err(StoreError::Expired.into()));
        }
        let event = &erasure.event;
        let follows = erasure.version.next();
        let found = self.erasable(event.order_id, (erasure.version, erasure.status));
        let Erasable {
            rowid,
            mut tombstones,
        } = match found {
            Err(error) if is_unreadable(&error) => {
                return Ok(Err(CommitError::Store(corrupt(error))));
            }
            found => match found? {
                Some(erasable) => erasable,
                None => return Ok(Err(CommitError::Stale)),
            },
        };
        if event.event_type != EventType::Erased || event.version != follows {
            return Ok(Err(CommitError::Refused(
                "an order is erased by an erased event, one version after its last change"
                    .to_owned(),
            )));
        }
        let seq = transaction.counters.head + 1;
        append(&mut tombstones, event, seq);
        self.connection
            .prepare_cached(
                "UPDATE orders SET status = ?2, version = ?3, history = ?4, standing = x'', facts = x''
                    WHERE place = ?1",
            )?
            .execute(params![rowid, order_row::ERASED, follows.get(), tombstones])?;
        self.remove_job(event.order_id)?;
        transaction.counters.count_erased(erasure.status);
        transaction.counters.head = seq;
        log::put(&mut transaction.log, event.order_id, follows.get(), false);
        transaction.erases = true;
        Ok(Ok(EventPosition {
            seq: Seq(seq),
            bits: transaction.bits,
        }))
    }

    /// The row of the order; `None` if it does not have the expected version and status.
    fn erasable(
        &self,
        id: OrderId,
        expected: (Version, Status),
    ) -> rusqlite::Result<Option<Erasable>> {
        let found = rowid::by_id!("place, version, status, history");
        let found = found.find(self.connection, &id, |found| {
            let version = Version::from_number(found.get(1)?);
            let status = order_row::status(found, 2)?;
            if version.zip(status) != Some(expected) {
                return Ok(None);
            }
            let tombstones = tombstones_of(id, found.get_ref(3)?.as_blob()?)
                .map_err(|error| order_row::unreadable(3, error))?;
            let rowid = found.get(0)?;
            Ok(Some(Erasable { rowid, tombstones }))
        })?;
        Ok(found.flatten())
    }
}

fn tombstones_of(id: OrderId, history: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut tombstones = Vec::new();
    for (seq, event) in history::decode(id, None, history, 0, usize::MAX)? {
        append(&mut tombstones, &event.tombstone(), seq.0);
    }
    Ok(tombstones)
}

/// Appends an event with its sequence number.
fn append(history: &mut Vec<u8>, event: &Event, seq: u64) {
    let begin = history.len();
    history::encode(event, history);
    history::stamp(history, begin, seq);
}
