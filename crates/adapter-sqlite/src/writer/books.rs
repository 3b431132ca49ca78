//! What a commit keeps beside the orders themselves: one row with the head, the counts and the marks of the work.

use application::ports::Counts;
use domain::{Status, Timestamp};
use rusqlite::{Connection, params};

use crate::published::Figures;

/// The row `state`, and when the first job of the table `jobs` is due.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Books {
    /// The last seq of the log.
    pub(crate) head: u64,
    /// Fresh work at or before it was claimed, or is none any more.
    pub(crate) claimed_through: u64,
    /// No fresh claim at or before it is still PROCESSING without being in `jobs`.
    pub(crate) settled_through: u64,
    /// New orders whose work is due and was never claimed.
    pub(crate) fresh_waiting: u64,
    pub(crate) counts: Counts,
    pub(crate) earliest_job: Option<Timestamp>,
}

impl Books {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |row: &rusqlite::Row<'_>, column: usize| {
            row.get::<_, i64>(column).map(i64::cast_unsigned)
        };
        let mut books = connection.query_row(
            "SELECT head, claimed_through, settled_through, fresh_waiting,
                pending, processing, retrying, processed, failed, on_hold, cancelled FROM state",
            [],
            |row| {
                let mut counts = Counts::default();
                for (index, status) in Status::ALL.into_iter().enumerate() {
                    counts.set(status, number(row, 4 + index)?);
                }
                Ok(Self {
                    head: number(row, 0)?,
                    claimed_through: number(row, 1)?,
                    settled_through: number(row, 2)?,
                    fresh_waiting: number(row, 3)?,
                    counts,
                    earliest_job: None,
                })
            },
        )?;
        books.earliest_job = earliest_job(connection)?;
        Ok(books)
    }

    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let count = |status| self.counts.get(status).cast_signed();
        connection
            .prepare_cached(
                "UPDATE state SET head = ?1, claimed_through = ?2, settled_through = ?3, fresh_waiting = ?4,
                    pending = ?5, processing = ?6, retrying = ?7, processed = ?8, failed = ?9, on_hold = ?10,
                    cancelled = ?11",
            )?
            .execute(params![
                self.head.cast_signed(),
                self.claimed_through.cast_signed(),
                self.settled_through.cast_signed(),
                self.fresh_waiting.cast_signed(),
                count(Status::Pending),
                count(Status::Processing),
                count(Status::Retrying),
                count(Status::Processed),
                count(Status::Failed),
                count(Status::OnHold),
                count(Status::Cancelled),
            ])
            .map(drop)
    }

    /// An order came to stand at `to`, from `from` where it was there before.
    pub(crate) fn count(&mut self, from: Option<Status>, to: Status) {
        if let Some(from) = from {
            self.counts
                .set(from, self.counts.get(from).saturating_sub(1));
        }
        self.counts.set(to, self.counts.get(to) + 1);
    }

    /// Whether a worker would find something now.
    pub(crate) fn has_due_work(&self, now: Timestamp) -> bool {
        self.fresh_waiting > 0 || self.earliest_job.is_some_and(|due| due <= now)
    }

    pub(crate) const fn figures(&self) -> Figures {
        Figures {
            head: self.head,
            counts: self.counts,
            fresh_waiting: self.fresh_waiting,
            earliest_job: self.earliest_job,
        }
    }
}

/// When the first job that nobody has claimed is due.
pub(crate) fn earliest_job(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let due_ms: Option<i64> = connection
        .prepare_cached("SELECT min(due_ms) FROM jobs WHERE claimed = 0")?
        .query_row([], |row| row.get(0))?;
    // What does not fit is never due: no clock shows it.
    Ok(due_ms.and_then(|ms| Timestamp::from_millis(ms.cast_unsigned()).ok()))
}
