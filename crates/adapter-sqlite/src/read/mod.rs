//! Reading: a few threads with a connection each, fed by a bounded queue, so that no disk ever blocks a task.
//!
//! Every read begins after it was asked for, and so sees all that was confirmed before. What waits is read in groups,
//! each of one snapshot: beginning and ending one costs as much as several orders read in it, and reads that each take
//! their own meet at the lock of the file. Nothing here writes.

pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod orders;
pub(crate) mod row;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::failure::{read_failed, unavailable};
use crate::index::file::IndexReader;
use crate::index::tail::Tail;

/// How long a caller without a deadline of its own waits for the disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The most reads of one snapshot. While it lasts, the write-ahead log cannot begin anew.
const GROUP: usize = 16;

/// What a reading thread reads with.
pub(crate) struct ReadConnection {
    pub(crate) orders: Connection,
    pub(crate) index: IndexReader,
    pub(crate) tail: Arc<Tail>,
}

impl ReadConnection {
    /// From now on everything is read as it is at the first read. Where that fails each read says so itself.
    fn begin_snapshot(&self) {
        self.execute("BEGIN");
    }

    /// Lets go of the snapshots of orders and index, so that their write-ahead logs can begin anew.
    fn end_snapshot(&mut self) {
        if !self.orders.is_autocommit() {
            self.execute("ROLLBACK");
        }
        if let Err(error) = self.index.end_snapshot() {
            tracing::warn!(%error, "a snapshot of the index could not be ended");
        }
    }

    fn execute(&self, statement: &str) {
        let done = self.orders.prepare_cached(statement);
        if let Err(error) = done.and_then(|mut statement| statement.execute([])) {
            tracing::warn!(%error, statement, "a snapshot of the orders failed");
        }
    }
}

type Job = Box<dyn FnOnce(&mut ReadConnection) + Send>;

pub(crate) struct ReadQueue {
    limit: usize,
    /// The threads that share what waits.
    threads: usize,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl ReadQueue {
    pub(crate) fn new(limit: usize, threads: usize) -> Self {
        Self {
            limit,
            threads,
            waiting: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` on one of the threads.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadConnection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: the read would be for nothing.
            if !reply.is_closed() {
                drop(reply.send(read(connection)));
            }
        });
        {
            let mut waiting = self.lock();
            if waiting.closed {
                return Err(unavailable("the store is closed"));
            }
            if waiting.jobs.len() >= self.limit {
                let limit = self.limit;
                return Err(StoreError::Overloaded { limit });
            }
            waiting.jobs.push_back(job);
        }
        self.wake.notify_one();
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(read)) => read.map_err(|error| read_failed(&error)),
            Ok(Err(_)) => Err(unavailable("a reader of the store has stopped")),
            Err(_) => Err(unavailable("the disk does not answer")),
        }
    }

    /// The work of one thread, until the queue is closed and empty.
    pub(crate) fn run(&self, mut connection: ReadConnection) {
        let _closes = ClosesAtPanic(self);
        let mut group = Vec::with_capacity(GROUP);
        while self.take(&mut group) {
            connection.begin_snapshot();
            for job in group.drain(..) {
                job(&mut connection);
            }
            connection.end_snapshot();
        }
    }

    /// Moves a thread's share of what waits into `group`; waits where nothing does. `false` once the queue is closed
    /// and empty.
    fn take(&self, group: &mut Vec<Job>) -> bool {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return false;
            }
            waiting = self
                .wake
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let share = (waiting.jobs.len() / self.threads).clamp(1, GROUP);
        group.extend(waiting.jobs.drain(..share));
        true
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }
}

/// A reader that panics must not leave callers waiting for a thread that is gone.
struct ClosesAtPanic<'a>(&'a ReadQueue);

impl Drop for ClosesAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
            let dropped = std::mem::take(&mut self.0.lock().jobs);
            drop(dropped);
        }
    }
}
