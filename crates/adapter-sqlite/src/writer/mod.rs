//! The one thread that writes: takes everything that waits, up to a bound, applies it in one transaction, makes it
//! durable, then answers all of it. Under load a commit carries hundreds of decisions, at rest it carries one, at
//! once, without a timer.
//!
//! Started by the store; reached through the queue alone. It never waits for a caller, and publishes to readers
//! ([`Published`], [`Memtable`]) before it answers.

pub(crate) mod apply;
pub(crate) mod batch;
pub(crate) mod books;
mod bucket_set;
pub(crate) mod clock_watch;
mod erase;
pub(crate) mod fresh;
mod hot;
mod insert;
pub(crate) mod job_buckets;
pub(crate) mod jobs;
mod known;
mod lanes;
pub(crate) mod leases;
pub(crate) mod recovery;
mod stop_guard;
pub(crate) mod waiting;
mod watermarks;
mod work;

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Clock, CommitError, CommitHint, CommitHints, Ids, StoreError};
use domain::{Seq, Timestamp};
use rusqlite::Connection;

use crate::SHARD;
use crate::failure::{Meaning, in_words, meaning, not_written, unavailable, unknown};
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;
use crate::parcel::Parcel;
use crate::prepared::{Prepared, PreparedGuard};
use crate::published::Published;
use crate::queue::WriteQueue;
use crate::request::Request;
use batch::{Answer, Batch};
use books::Books;
use clock_watch::ClockWatch;
use hot::HotStatements;
use job_buckets::JobBuckets;
use leases::Leases;
use stop_guard::StopGuard;
use waiting::Waiting;

/// How long the writer waits for the index before it refuses new orders.
const WAIT_FOR_INDEX: Duration = Duration::from_secs(2);

/// What the writer shares with the other threads of the store.
pub(crate) struct Surroundings {
    pub(crate) queue: Arc<WriteQueue>,
    pub(crate) published: Arc<Published>,
    pub(crate) memtable: Arc<Memtable>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) hints: Arc<dyn CommitHints>,
}

/// What the writer begins with.
pub(crate) struct Beginning {
    pub(crate) surroundings: Surroundings,
    pub(crate) connection: Connection,
    pub(crate) index: IndexReader,
    pub(crate) books: Books,
    pub(crate) waiting: Waiting,
    pub(crate) leases: Leases,
    pub(crate) clock_watch: ClockWatch,
    /// [`Tuning::searched_events`](crate::Tuning::searched_events).
    pub(crate) searched_events: u64,
}

pub(crate) struct Writer<'c> {
    surroundings: Surroundings,
    connection: &'c Connection,
    hot: HotStatements<'c>,
    index: IndexReader,
    books: Books,
    waiting: Waiting,
    /// A transaction failed: what is known of the jobs has to be read again.
    are_jobs_unknown: bool,
    leases: Leases,
    clock_watch: ClockWatch,
    searched_events: u64,
}

/// What decides whether a write is begun.
#[derive(Clone, Copy)]
struct Admission {
    is_expired: bool,
    /// The index has room for new orders.
    has_room: bool,
}

impl Admission {
    fn refusal(self, write: &Prepared) -> Option<StoreError> {
        if self.is_expired {
            return Some(StoreError::Expired);
        }
        let is_new = matches!(write.guard, PreparedGuard::New { .. });
        (is_new && !self.has_room).then(|| {
            unavailable("the index of orders cannot keep up or cannot be written; see the log")
        })
    }
}

/// Why a transaction was not committed.
struct Failed {
    answer: StoreError,
    meaning: Meaning,
}

impl Beginning {
    /// Works until the queue is closed and empty, or the disk cannot be trusted any more. Returns its connection.
    pub(crate) fn run(self) -> Connection {
        let _stop_guard = StopGuard {
            published: Arc::clone(&self.surroundings.published),
            queue: Arc::clone(&self.surroundings.queue),
            memtable: Arc::clone(&self.surroundings.memtable),
        };
        match HotStatements::prepare(&self.connection) {
            Ok(hot) => Writer {
                surroundings: self.surroundings,
                connection: &self.connection,
                hot,
                index: self.index,
                books: self.books,
                waiting: self.waiting,
                are_jobs_unknown: false,
                leases: self.leases,
                clock_watch: self.clock_watch,
                searched_events: self.searched_events,
            }
            .run(),
            Err(error) => tracing::error!(%error, "the writer of the store cannot begin"),
        }
        self.connection
    }
}

impl Writer<'_> {
    fn run(&mut self) {
        let mut parcels = Vec::new();
        let mut batch = Batch::default();
        while self.surroundings.queue.take(&mut parcels) {
            if !self.transaction(&mut parcels, &mut batch) {
                return;
            }
            parcels.iter_mut().for_each(Parcel::clear);
        }
    }

    /// One commit; `false` if there must be none after it.
    fn transaction(&mut self, parcels: &mut [Parcel], batch: &mut Batch) -> bool {
        let has_room = self.surroundings.memtable.wait_for_room(WAIT_FOR_INDEX);
        let now = self.surroundings.clock.now();
        // Half of the bits are enough for a commit.
        let bits = self.surroundings.ids.random() as u32;
        batch.begin(self.books, bits, self.waiting.rounds);
        let monotonic = self.surroundings.clock.monotonic();
        let (clock_watch, is_set_back) = self.clock_watch.look(now, monotonic);
        let done = self
            .begin(now, is_set_back)
            .and_then(|()| self.apply_all(parcels, batch, now, has_room))
            .and_then(|()| self.commit(batch, now));
        self.index.end_snapshot();
        match done {
            Ok(()) => {
                self.clock_watch = clock_watch;
                self.adopt(batch, now);
                parcels.iter_mut().for_each(Parcel::tell);
                for answer in batch.answers.drain(..) {
                    answer.send();
                }
                true
            }
            Err(failed) => self.give_up(parcels, batch, &failed),
        }
    }

    fn begin(&mut self, now: Timestamp, is_set_back: bool) -> Result<(), Failed> {
        self.hot.begin.execute([]).map_err(before_commit)?;
        if self.are_jobs_unknown {
            self.waiting.jobs = JobBuckets::load(self.connection).map_err(before_commit)?;
            self.are_jobs_unknown = false;
        }
        if is_set_back {
            self.restart_delays(now).map_err(before_commit)?;
        }
        Ok(())
    }

    /// The writes first, then what else is asked for: a claim finds what came at the same time.
    fn apply_all(
        &mut self,
        parcels: &mut [Parcel],
        batch: &mut Batch,
        now: Timestamp,
        has_room: bool,
    ) -> Result<(), Failed> {
        self.apply_writes(parcels, batch, now, has_room)
            .map_err(before_commit)?;
        for parcel in parcels {
            while let Some(request) = parcel.asked.pop_front() {
                self.apply_request(request, batch, now)
                    .map_or(Ok(()), |error| Err(before_commit(error)))?;
            }
        }
        Ok(())
    }

    fn apply_writes(
        &mut self,
        parcels: &mut [Parcel],
        batch: &mut Batch,
        now: Timestamp,
        has_room: bool,
    ) -> rusqlite::Result<()> {
        let started = tokio::time::Instant::now();
        let mut sequence = std::mem::take(&mut batch.sequence);
        sequence.clear();
        for (parcel, places) in parcels.iter().map(|parcel| &parcel.places).enumerate() {
            let places = places.iter().enumerate();
            sequence.extend(places.map(|(number, place)| (*place, parcel, number)));
        }
        // Rows that lie side by side are written one after the other. The callers of those that are moved cannot tell:
        // they asked at the same time.
        sequence.sort_unstable();
        for (_, parcel, number) in &sequence {
            let opened = parcels[*parcel].open(*number);
            let admission = Admission {
                is_expired: opened.deadline <= started,
                has_room,
            };
            *opened.answer = match admission.refusal(opened.write) {
                Some(refusal) => Err(CommitError::Store(refusal)),
                None => self.apply(batch, opened.write, opened.bytes, now)?,
            };
        }
        batch.sequence = sequence;
        Ok(())
    }

    /// Does what is asked for beside the writes; the failure that ends the transaction, if there is one.
    fn apply_request(
        &mut self,
        request: Request,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Option<rusqlite::Error> {
        let (answer, failure) = match request {
            Request::Take {
                limits,
                taking,
                reply,
            } => {
                let (answer, failure) = split(self.take_due(batch, limits, &taking, now));
                (Answer::Orders(reply, answer), failure)
            }
            Request::Rescue {
                policy,
                limit,
                reply,
            } => {
                let (answer, failure) = split(self.rescue(batch, policy, limit, now));
                (Answer::Orders(reply, answer), failure)
            }
            Request::Heartbeat {
                claims,
                lease,
                reply,
            } => {
                let (answer, failure) = split(self.heartbeat(claims, lease));
                (Answer::Lost(reply, answer), failure)
            }
            Request::Erase {
                erasure,
                deadline,
                reply,
            } => {
                let (answer, failure) = match self.erase(batch, &erasure, deadline) {
                    Ok(answer) => (answer, None),
                    // Never sent: the transaction fails.
                    Err(error) => (Err(CommitError::Stale), Some(error)),
                };
                (Answer::Erased(reply, answer), failure)
            }
        };
        batch.answers.push(answer);
        failure
    }

    /// Writes the log row and the books, and makes all of it durable.
    fn commit(&mut self, batch: &mut Batch, now: Timestamp) -> Result<(), Failed> {
        self.close_books(batch, now).map_err(before_commit)?;
        self.hot.commit.execute([]).map(drop).map_err(|error| {
            let meaning = meaning(&error);
            let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
            // A full disk cuts the write-ahead log off before its commit record: nothing was written. Of any
            // other failure it is not known how much of the log a restart would find.
            let answer = if is_full {
                not_written(&error)
            } else {
                unknown(in_words(&error))
            };
            Failed { answer, meaning }
        })
    }

    /// The transaction is durable: memory follows, then readers and followers.
    fn adopt(&mut self, batch: &mut Batch, now: Timestamp) {
        let before = std::mem::replace(&mut self.books, batch.books);
        self.waiting.adopt(batch);
        let keeps_orders = self.waiting.fresh.keeps_orders();
        self.surroundings.queue.keep_orders(keeps_orders);
        for id in batch.leases_ended.drain(..) {
            self.leases.remove(id);
        }
        for (id, lease) in batch.leases_taken.drain(..) {
            self.leases.insert(id, lease);
        }
        let Surroundings {
            published,
            memtable,
            hints,
            ..
        } = &self.surroundings;
        let figures = self.books.figures(self.waiting.first_due());
        if self.books.head == before.head {
            // No order changed, but what is due may have: a job without an order was removed, or one was put off.
            if figures != published.figures() {
                published.publish(figures, &mut batch.events);
            }
            return;
        }
        batch.log.clear();
        memtable.append(&mut batch.indexed, figures.position());
        if batch.erases {
            batch.events.clear();
            published.publish_erasure(figures);
        } else {
            published.publish(figures, &mut batch.events);
        }
        let hint = CommitHint {
            seq: Seq(self.books.head),
            work_is_due: figures.work.is_due(now),
        };
        hints.committed(SHARD, hint);
    }

    /// The transaction failed: every caller gets the failure, memory is as it was before.
    fn give_up(&mut self, parcels: &mut [Parcel], batch: &mut Batch, failed: &Failed) -> bool {
        tracing::error!(error = %failed.answer, "a commit failed and was rolled back");
        let rolled_back =
            self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        self.waiting.restore(batch);
        self.are_jobs_unknown = true;
        batch.forget();
        let is_trusted = rolled_back && failed.meaning != Meaning::Untrusted;
        if !is_trusted {
            let reason = format!(
                "the disk or the file system failed ({}); the store is not trusted any more, restart the process",
                failed.answer
            );
            self.surroundings.published.distrust(reason.clone());
            self.surroundings.queue.close(&reason);
        }
        for answer in batch.answers.drain(..) {
            answer.fail(&failed.answer);
        }
        for parcel in parcels {
            parcel.refuse(&failed.answer);
        }
        is_trusted
    }
}

/// Nothing of the transaction can have become durable.
fn before_commit(error: rusqlite::Error) -> Failed {
    Failed {
        meaning: meaning(&error),
        answer: not_written(&error),
    }
}

/// An answer for now, and the failure that ends the transaction.
fn split<T: Default>(
    done: rusqlite::Result<T>,
) -> (Result<T, StoreError>, Option<rusqlite::Error>) {
    match done {
        Ok(value) => (Ok(value), None),
        Err(error) => (Ok(T::default()), Some(error)),
    }
}
