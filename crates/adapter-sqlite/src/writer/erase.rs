//! Erasing an order, within the transaction: its row becomes a tombstone that keeps the places of its events in the feed.
//!
//! What is personal leaves the row at once: facts and standing become empty, and of each event remains what
//! [`Event::tombstone`] keeps. The connection overwrites with zeros what a change frees in the file (`secure_delete`, see
//! `schema`), at the latest when a checkpoint moves the page into it. Until the write-ahead log begins anew after such a
//! checkpoint and is written over, or the store is closed, older copies of the page can still be found in the log's file.
//! The index keeps hashes of the user, the key and the external id until it is built anew; they lead to a row that is no
//! order any more, and so to nothing.

use application::ports::{CommitError, Deadline, Erasure, StoreError};
use domain::{Event, EventPosition, EventType, OrderId, Seq, Status, Version};
use rusqlite::params;

use super::Writer;
use super::apply::Applied;
use super::batch::Batch;
use crate::codec::{Unreadable, history, log};
use crate::failure::{corrupt, is_unreadable};
use crate::place;
use crate::read::row;

/// The row of an order that may be erased.
struct Erasable {
    place: i64,
    /// Its events as tombstones, encoded with their seqs.
    tombstones: Vec<u8>,
}

impl Writer<'_> {
    /// Erases an order that has the expected version and status.
    pub(super) fn erase(
        &mut self,
        batch: &mut Batch,
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
            place,
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
                "an order is erased by an event of its own, one version after its last change"
                    .to_owned(),
            )));
        }
        let seq = batch.books.head + 1;
        append(&mut tombstones, event, seq);
        self.connection
            .prepare_cached(
                "UPDATE orders SET status = ?2, version = ?3, history = ?4, standing = x'', facts = x''
                    WHERE place = ?1",
            )?
            .execute(params![place, row::ERASED, follows.get(), tombstones])?;
        self.remove_job(event.order_id)?;
        batch.books.count_erased(erasure.status);
        batch.books.head = seq;
        log::put(&mut batch.log, event.order_id, follows.get(), false);
        batch.erases = true;
        Ok(Ok(EventPosition {
            seq: Seq(seq),
            bits: batch.bits,
        }))
    }

    /// The order's row, if it has this version and status.
    fn erasable(
        &self,
        id: OrderId,
        expected: (Version, Status),
    ) -> rusqlite::Result<Option<Erasable>> {
        let found = place::by_id!("place, version, status, history");
        let found = found.find(self.connection, &id, |found| {
            let version = Version::from_number(found.get(1)?);
            let status = row::status(found, 2)?;
            if version.zip(status) != Some(expected) {
                return Ok(None);
            }
            let tombstones = tombstones_of(id, found.get_ref(3)?.as_blob()?)
                .map_err(|error| row::unreadable(3, error))?;
            let place = found.get(0)?;
            Ok(Some(Erasable { place, tombstones }))
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

/// Appends an event with its seq.
fn append(history: &mut Vec<u8>, event: &Event, seq: u64) {
    let begin = history.len();
    history::encode(event, history);
    history::stamp(history, begin, seq);
}
