//! The queue of fresh work: new orders in the order of the log, the first of them in memory so that a claim reads
//! nothing. Past its bound the log itself is the queue.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Order, OrderId};
use rusqlite::Connection;

use crate::codec::log;
use crate::read::row::{self};

#[derive(Debug, Clone)]
pub(crate) struct FreshWork {
    pub(crate) seq: u64,
    pub(crate) id: OrderId,
    /// As it was created; `None` where it has to be read.
    pub(crate) order: Option<Arc<Order>>,
}

impl FreshWork {
    /// When it became due: when it was created, which its id tells.
    pub(crate) fn due_ms(&self) -> u64 {
        u64::from_be_bytes(
            *self
                .id
                .as_bytes()
                .first_chunk()
                .expect("an id has 16 bytes"),
        ) >> 16
    }
}

#[derive(Debug)]
pub(crate) struct FreshQueue {
    waiting: VecDeque<FreshWork>,
    /// Fresh work of the log up to here is in the queue or was taken out of it.
    loaded_through: u64,
    limit: usize,
}

impl FreshQueue {
    pub(crate) const fn new(claimed_through: u64, limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            loaded_through: claimed_through,
            limit,
        }
    }

    /// Whether the fresh work of the next commit will be taken over, as far as can be told.
    pub(crate) fn has_room(&self, head: u64) -> bool {
        self.loaded_through == head && self.waiting.len() < self.limit / 4 * 3
    }

    /// Takes over the fresh work of a commit that moved the head, while there is room.
    pub(crate) fn append(&mut self, fresh: &mut Vec<FreshWork>, head_before: u64, head: u64) {
        let fits = self.waiting.len() + fresh.len() <= self.limit;
        if self.loaded_through == head_before && fits {
            self.waiting.extend(fresh.drain(..));
            self.loaded_through = head;
        }
        fresh.clear();
    }

    /// The next one, read from the log up to `head` where the queue is empty.
    pub(crate) fn front(
        &mut self,
        connection: &Connection,
        head: u64,
    ) -> rusqlite::Result<Option<&FreshWork>> {
        while self.waiting.is_empty() && self.loaded_through < head {
            self.load(connection, head)?;
        }
        Ok(self.waiting.front())
    }

    pub(crate) fn pop(&mut self) -> Option<FreshWork> {
        self.waiting.pop_front()
    }

    /// Puts back what a transaction that failed had taken.
    pub(crate) fn put_back(&mut self, taken: &mut Vec<FreshWork>) {
        for work in taken.drain(..).rev() {
            self.waiting.push_front(work);
        }
    }

    /// How far all fresh work was taken out, where nothing waits.
    pub(crate) fn emptied_through(&self) -> Option<u64> {
        self.waiting.is_empty().then_some(self.loaded_through)
    }

    fn load(&mut self, connection: &Connection, head: u64) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq",
        )?;
        let mut rows = statement.query([self.loaded_through.cast_signed()])?;
        while let Some(found) = rows.next()? {
            let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
            let bytes = found.get_ref(1)?.as_blob()?;
            let entries = log::entries(last_seq, bytes, self.loaded_through)
                .map_err(|error| row::unreadable(1, error))?;
            for entry in entries.filter(|entry| entry.is_fresh_work) {
                self.waiting.push_back(FreshWork {
                    seq: entry.seq,
                    id: entry.id,
                    order: None,
                });
            }
            self.loaded_through = last_seq;
            if self.waiting.len() >= self.limit {
                return Ok(());
            }
        }
        self.loaded_through = self.loaded_through.max(head);
        Ok(())
    }
}
