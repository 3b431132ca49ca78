//! Reading: a few threads with a connection each, fed by a bounded queue, so that no disk ever blocks a task.
//!
//! Every read begins after it was asked for, and so sees all that was confirmed before. Nothing here writes.

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

/// What a reading thread reads with.
pub(crate) struct ReadConnection {
    pub(crate) orders: Connection,
    pub(crate) index: IndexReader,
    pub(crate) tail: Arc<Tail>,
}

type Job = Box<dyn FnOnce(&mut ReadConnection) + Send>;

pub(crate) struct ReadQueue {
    limit: usize,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl ReadQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
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
        loop {
            let mut waiting = self.lock();
            let job = loop {
                if let Some(job) = waiting.jobs.pop_front() {
                    break job;
                }
                if waiting.closed {
                    return;
                }
                waiting = self
                    .wake
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            drop(waiting);
            job(&mut connection);
        }
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
