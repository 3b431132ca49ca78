//! The checkpoint counters that each commit stores in its log row: the counts of orders by status, and the watermarks behind
//! which a start searches the log for open work (`watermarks`, `recovery`).

use application::ports::Counts;
use domain::Status;
use rusqlite::{Connection, OptionalExtension};

use crate::codec::{Reader, Unreadable, put_number};
use crate::committed_state::CommittedSnapshot;
use crate::due_work::DueWork;
use crate::order_row;

/// The counters after a commit. All watermarks are sequence numbers of the log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CheckpointCounters {
    /// The sequence number of the last event.
    pub(crate) head: u64,
    /// The random bits of the last event.
    pub(crate) bits: u32,
    /// No new order up to here waits in the log.
    pub(crate) claimed_through: u64,
    /// No new order after this was ever claimed or moved to the jobs.
    pub(crate) claimed_up_to: u64,
    /// No claim of a new order up to here is open without a row in `jobs`.
    pub(crate) settled_through: u64,
    /// The number of new orders that wait in the log.
    pub(crate) unclaimed: u64,
    pub(crate) counts: Counts,
}

impl CheckpointCounters {
    /// Reads the counters of the last commit.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last = connection
            .query_row(
                "SELECT last_seq, bits, books FROM log ORDER BY last_seq DESC LIMIT 1",
                [],
                |found| {
                    let head = found.get::<_, i64>(0)?.cast_unsigned();
                    let bits = found.get(1)?;
                    Self::decode((head, bits), found.get_ref(2)?.as_blob()?)
                        .map_err(|error| order_row::unreadable(2, error))
                },
            )
            .optional()?;
        Ok(last.unwrap_or_default())
    }

    /// Appends the form that is stored in the log row of the head.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        for number in [
            self.claimed_through,
            self.claimed_up_to,
            self.settled_through,
            self.unclaimed,
            self.counts.erased,
        ] {
            put_number(bytes, number);
        }
        for status in Status::ALL {
            put_number(bytes, self.counts.get(status));
        }
    }

    fn decode((head, bits): (u64, u32), bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let mut counters = Self {
            head,
            bits,
            claimed_through: reader.number()?,
            claimed_up_to: reader.number()?,
            settled_through: reader.number()?,
            unclaimed: reader.number()?,
            ..Self::default()
        };
        counters.counts.erased = reader.number()?;
        for status in Status::ALL {
            counters.counts.set(status, reader.number()?);
        }
        Ok(counters)
    }

    /// Counts an order that has the status `to` now; `from` is its previous status, `None` if it is new.
    pub(crate) fn count(&mut self, from: Option<Status>, to: Status) {
        if let Some(from) = from {
            self.subtract(from);
        }
        self.counts.set(to, self.counts.get(to) + 1);
    }

    /// Counts the erasure of an order that had the status `from`.
    pub(crate) fn count_erased(&mut self, from: Status) {
        self.subtract(from);
        self.counts.erased += 1;
    }

    /// Counts a new order that does not wait in the log any more.
    pub(crate) fn subtract_unclaimed(&mut self) {
        self.unclaimed = self.unclaimed.saturating_sub(1);
    }

    fn subtract(&mut self, from: Status) {
        let count = self.counts.get(from).saturating_sub(1);
        self.counts.set(from, count);
    }

    /// The snapshot for the readers, with the due times of the waiting work.
    pub(crate) const fn snapshot(&self, work: DueWork) -> CommittedSnapshot {
        CommittedSnapshot {
            head: self.head,
            bits: self.bits,
            counts: self.counts,
            work,
        }
    }
}
