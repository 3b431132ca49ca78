//! What a commit keeps beside the orders themselves, in its row of the log: the counts and the marks of the work.

use application::ports::Counts;
use domain::Status;
use rusqlite::{Connection, OptionalExtension};

use crate::codec::{Reader, Unreadable, put_number};
use crate::due_work::DueWork;
use crate::published::Figures;
use crate::read::row;

/// Counts and marks of the work after a commit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Books {
    /// The last seq of the log.
    pub(crate) head: u64,
    /// The random bits of the event at the head.
    pub(crate) bits: u32,
    /// No new order at or before it waits in the log.
    pub(crate) claimed_through: u64,
    /// New orders behind it, if they wait in the log, were never claimed and never moved to the jobs.
    pub(crate) claimed_up_to: u64,
    /// No fresh claim at or before it is still PROCESSING without being in `jobs`.
    pub(crate) settled_through: u64,
    /// How many new orders wait in the log.
    pub(crate) fresh_waiting: u64,
    pub(crate) counts: Counts,
}

impl Books {
    /// The books of the last commit.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last = connection
            .query_row(
                "SELECT last_seq, bits, books FROM log ORDER BY last_seq DESC LIMIT 1",
                [],
                |found| {
                    let head = found.get::<_, i64>(0)?.cast_unsigned();
                    let bits = found.get(1)?;
                    Self::decode((head, bits), found.get_ref(2)?.as_blob()?)
                        .map_err(|error| row::unreadable(2, error))
                },
            )
            .optional()?;
        Ok(last.unwrap_or_default())
    }

    /// As they are kept beside the log row of the head.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        for mark in [
            self.claimed_through,
            self.claimed_up_to,
            self.settled_through,
            self.fresh_waiting,
            self.counts.erased,
        ] {
            put_number(bytes, mark);
        }
        for status in Status::ALL {
            put_number(bytes, self.counts.get(status));
        }
    }

    fn decode((head, bits): (u64, u32), bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let mut books = Self {
            head,
            bits,
            claimed_through: reader.number()?,
            claimed_up_to: reader.number()?,
            settled_through: reader.number()?,
            fresh_waiting: reader.number()?,
            ..Self::default()
        };
        books.counts.erased = reader.number()?;
        for status in Status::ALL {
            books.counts.set(status, reader.number()?);
        }
        Ok(books)
    }

    /// Counts an order that has the status `to` now, and had `from` if it is not new.
    pub(crate) fn count(&mut self, from: Option<Status>, to: Status) {
        if let Some(from) = from {
            self.count_one_less(from);
        }
        self.counts.set(to, self.counts.get(to) + 1);
    }

    /// Counts an order that was erased when it had the status `from`.
    pub(crate) fn count_erased(&mut self, from: Status) {
        self.count_one_less(from);
        self.counts.erased += 1;
    }

    fn count_one_less(&mut self, from: Status) {
        let count = self.counts.get(from).saturating_sub(1);
        self.counts.set(from, count);
    }

    /// With what the store tells its readers of the waiting work.
    pub(crate) const fn figures(&self, work: DueWork) -> Figures {
        Figures {
            head: self.head,
            bits: self.bits,
            counts: self.counts,
            work,
        }
    }
}
