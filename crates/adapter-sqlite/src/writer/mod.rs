//! The one thread that writes: takes everything that waits, up to a bound, applies it in one transaction, makes it
//! durable, then answers all of it. Under load a commit carries hundreds of decisions, at rest it carries one, at
//! once, without a timer.
//!
//! Started by the store; reached through the queue alone. It never waits for a caller, and tells readers
//! ([`Published`], [`Tail`]) before it answers.

pub(crate) mod apply;
pub(crate) mod batch;
pub(crate) mod books;
pub(crate) mod fresh;
mod hot;
mod jobs;
pub(crate) mod leases;
pub(crate) mod recovery;
mod work;

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Clock, CommitError, Committed, Dispatch, StatusBus, StoreError};
use domain::{Seq, Timestamp};
use rusqlite::Connection;

use crate::SHARD;
use crate::failure::{Meaning, in_words, meaning, unavailable, unknown};
use crate::index::reader::IndexReader;
use crate::index::tail::Tail;
use crate::prepared::{Prepared, PreparedGuard};
use crate::published::Published;
use crate::queue::WriteQueue;
use crate::request::Request;
use batch::{Answer, Batch};
use books::Books;
use fresh::FreshQueue;
use hot::HotStatements;
use leases::Leases;

/// How long the writer waits for the index before it refuses new orders.
const WAIT_FOR_INDEX: Duration = Duration::from_secs(2);

/// Fresh work that is kept in memory, so that a claim need not read it.
const FRESH_IN_MEMORY: usize = 4_096;

/// What the writer shares with the other threads of the store.
pub(crate) struct Surroundings {
    pub(crate) queue: Arc<WriteQueue>,
    pub(crate) published: Arc<Published>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) bus: Arc<dyn StatusBus>,
    pub(crate) batch: usize,
}

/// What the writer begins with.
pub(crate) struct Beginning {
    pub(crate) surroundings: Surroundings,
    pub(crate) connection: Connection,
    pub(crate) index: IndexReader,
    pub(crate) books: Books,
    pub(crate) leases: Leases,
}

pub(crate) struct Writer<'c> {
    surroundings: Surroundings,
    connection: &'c Connection,
    hot: HotStatements<'c>,
    index: IndexReader,
    books: Books,
    fresh: FreshQueue,
    leases: Leases,
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

/// Tells everyone when the thread ends, however it ends.
struct LastWords {
    published: Arc<Published>,
    queue: Arc<WriteQueue>,
    tail: Arc<Tail>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        const STOPPED: &str = "the writer of the store has stopped; restart the process";
        if std::thread::panicking() {
            self.published.distrust(STOPPED.to_owned());
        }
        self.queue.close(STOPPED);
        self.queue.clear();
        self.tail.signal(|signals| signals.closing = true);
    }
}

impl Beginning {
    /// Works until the queue is closed and empty, or the disk cannot be trusted any more.
    pub(crate) fn run(self) {
        let _last_words = LastWords {
            published: Arc::clone(&self.surroundings.published),
            queue: Arc::clone(&self.surroundings.queue),
            tail: Arc::clone(&self.surroundings.tail),
        };
        match HotStatements::prepare(&self.connection) {
            Ok(hot) => Writer {
                surroundings: self.surroundings,
                connection: &self.connection,
                hot,
                index: self.index,
                fresh: FreshQueue::new(self.books.claimed_through, FRESH_IN_MEMORY),
                books: self.books,
                leases: self.leases,
            }
            .run(),
            Err(error) => tracing::error!(%error, "the writer of the store cannot begin"),
        }
    }
}

impl Writer<'_> {
    fn run(&mut self) {
        let mut requests = Vec::new();
        let mut batch = Batch::default();
        while self
            .surroundings
            .queue
            .take(&mut requests, self.surroundings.batch)
        {
            // Rows that lie side by side are written one after the other. None of those who are moved can
            // tell: they asked at the same time.
            requests.sort_by_key(Request::place);
            if !self.transaction(&mut requests, &mut batch) {
                return;
            }
        }
    }

    /// One commit; `false` where there must be none after it.
    fn transaction(&mut self, requests: &mut Vec<Request>, batch: &mut Batch) -> bool {
        let has_room = self.surroundings.tail.wait_for_room(WAIT_FOR_INDEX);
        let now = self.surroundings.clock.now();
        batch.begin(self.books);
        let done = self
            .apply_all(requests, batch, now, has_room)
            .and_then(|()| self.commit(batch));
        if let Err(error) = self.index.end_snapshot() {
            tracing::warn!(%error, "a snapshot of the index could not be ended");
        }
        match done {
            Ok(()) => {
                self.adopt(batch, now);
                for answer in batch.answers.drain(..) {
                    answer.send();
                }
                true
            }
            Err(failed) => self.give_up(requests, batch, &failed),
        }
    }

    fn apply_all(
        &mut self,
        requests: &mut Vec<Request>,
        batch: &mut Batch,
        now: Timestamp,
        has_room: bool,
    ) -> Result<(), Failed> {
        self.hot.begin.execute([]).map_err(before_commit)?;
        let started = tokio::time::Instant::now();
        for request in requests.drain(..) {
            match request {
                Request::Commit {
                    mut writes,
                    mut answers,
                    deadline,
                    reply,
                } => {
                    let admission = Admission {
                        is_expired: deadline <= started,
                        has_room,
                    };
                    let failure = self.apply_each(batch, &mut writes, &mut answers, admission, now);
                    batch.answers.push(Answer::Commit(reply, (answers, writes)));
                    failure.map_or(Ok(()), |error| Err(before_commit(error)))?;
                }
                Request::Take {
                    limit,
                    taking,
                    reply,
                } => {
                    let taken = self.take_due(batch, limit, &taking, now);
                    let (answer, failure) = split(taken);
                    batch.answers.push(Answer::Orders(reply, answer));
                    failure.map_or(Ok(()), |error| Err(before_commit(error)))?;
                }
                Request::Rescue {
                    policy,
                    limit,
                    reply,
                } => {
                    let rescued = self.rescue(batch, policy, limit, now);
                    let (answer, failure) = split(rescued);
                    batch.answers.push(Answer::Orders(reply, answer));
                    failure.map_or(Ok(()), |error| Err(before_commit(error)))?;
                }
                Request::Heartbeat {
                    claims,
                    lease,
                    reply,
                } => {
                    let (answer, failure) = split(self.heartbeat(claims, lease));
                    batch.answers.push(Answer::Lost(reply, answer));
                    failure.map_or(Ok(()), |error| Err(before_commit(error)))?;
                }
            }
        }
        Ok(())
    }

    /// Applies the writes of one request. After a failure, which ends the transaction, the other answers do not count.
    fn apply_each(
        &mut self,
        batch: &mut Batch,
        writes: &mut [Prepared],
        answers: &mut Vec<Result<Committed, CommitError>>,
        admission: Admission,
        now: Timestamp,
    ) -> Option<rusqlite::Error> {
        let mut failure = None;
        for write in writes {
            answers.push(match (admission.refusal(write), &failure) {
                (Some(refusal), _) => Err(CommitError::Store(refusal)),
                (None, Some(_)) => Err(CommitError::Stale),
                (None, None) => self.apply(batch, write, now).unwrap_or_else(|error| {
                    failure = Some(error);
                    Err(CommitError::Stale)
                }),
            });
        }
        failure
    }

    /// Writes the log row and the books, and makes all of it durable.
    fn commit(&mut self, batch: &mut Batch) -> Result<(), Failed> {
        self.close_books(batch).map_err(before_commit)?;
        self.hot.commit.execute([]).map(drop).map_err(|error| {
            let meaning = meaning(&error);
            let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
            // A full disk cuts the write-ahead log off before its commit record: nothing was written. Of any
            // other failure nobody can say how much of the log a restart would find.
            let answer = if is_full {
                unavailable(in_words(&error))
            } else {
                unknown(in_words(&error))
            };
            Failed { answer, meaning }
        })
    }

    fn close_books(&mut self, batch: &mut Batch) -> rusqlite::Result<()> {
        if let Some(through) = self.fresh.emptied_through() {
            batch.books.claimed_through = batch.books.claimed_through.max(through);
            if through == self.books.head && batch.fresh.is_empty() {
                // Also where an order was erased before anybody came for it: nobody else took it off the count.
                batch.books.fresh_waiting = 0;
            }
        }
        self.let_go_of_old_claims(batch)?;
        // The claims of before this commit tell how far all was settled: those it makes lie behind.
        let settled = self.leases.settled_through(self.books.claimed_through);
        batch.books.settled_through = batch.books.settled_through.max(settled);
        if batch.touches_jobs {
            batch.books.jobs = books::earliest_jobs(self.connection)?;
        }
        if !batch.log.is_empty() {
            let head = batch.books.head.cast_signed();
            batch.books.encode(&mut batch.encoded_books);
            let row = rusqlite::params![head, &batch.log, &batch.encoded_books];
            self.hot.log.execute(row)?;
        }
        Ok(())
    }

    /// The transaction is durable: memory follows, then everyone is told.
    fn adopt(&mut self, batch: &mut Batch, now: Timestamp) {
        let before = std::mem::replace(&mut self.books, batch.books);
        self.fresh
            .append(&mut batch.fresh, before.head, self.books.head);
        batch.taken.clear();
        for id in batch.leases_ended.drain(..) {
            self.leases.remove(id);
        }
        for (id, lease) in batch.leases_taken.drain(..) {
            self.leases.insert(id, lease);
        }
        let Surroundings {
            published,
            tail,
            dispatch,
            bus,
            ..
        } = &self.surroundings;
        if self.books.head == before.head {
            // No order changed, but what is due may have: a job without an order was removed, or one was put off.
            if self.books.figures() != before.figures() {
                published.publish(self.books.figures(), &mut batch.events);
            }
            return;
        }
        batch.log.clear();
        tail.append(&mut batch.indexed, self.books.head);
        published.publish(self.books.figures(), &mut batch.events);
        if self.books.has_due_work(now) {
            dispatch.work_is_due(SHARD);
        }
        bus.committed(SHARD, Seq(self.books.head));
    }

    /// The transaction failed: nobody is acknowledged, memory is as it was before.
    fn give_up(&mut self, requests: &mut Vec<Request>, batch: &mut Batch, failed: &Failed) -> bool {
        tracing::error!(error = %failed.answer, "a commit failed and was rolled back");
        let rolled_back =
            self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        self.fresh.put_back(&mut batch.taken);
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
        // What the transaction had not come to was not begun.
        for request in requests.drain(..) {
            request.refuse(&failed.answer);
        }
        is_trusted
    }
}

/// Nothing of the transaction can have become durable.
fn before_commit(error: rusqlite::Error) -> Failed {
    Failed {
        meaning: meaning(&error),
        answer: unavailable(in_words(&error)),
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
