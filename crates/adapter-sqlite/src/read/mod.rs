//! Reading: a few threads with a connection each, fed by a bounded queue, so that no disk ever blocks a task.
//!
//! Every read begins after it was asked for, and so sees all that was confirmed before. A snapshot serves all reads that
//! had been asked for when it began, one after the other: beginning and ending one costs as much as several orders read
//! in it, and threads that begin one for each read meet at the lock of the file. Nothing here writes.

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

use crate::failure::{ReadError, unavailable};
use crate::index::damage::IndexFailure;
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;

/// How long a caller without a deadline of its own waits for the disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The most reads of one snapshot. While it lasts, the write-ahead log cannot begin anew.
const GROUP: usize = 16;

/// What a reading thread reads with.
pub(crate) struct ReadConnection {
    pub(crate) orders: Connection,
    pub(crate) index: IndexReader,
    pub(crate) memtable: Arc<Memtable>,
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
        self.index.end_snapshot();
    }

    /// Reports a failure of the index, so that a damaged one is rebuilt.
    fn index_failed(&self, failure: IndexFailure) -> ReadError {
        self.memtable.index_failed(&failure);
        ReadError::Index(failure)
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
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Each with its number.
    jobs: VecDeque<(u64, Job)>,
    /// The number of the job that was asked for last.
    last: u64,
    closed: bool,
}

impl Waiting {
    fn push(&mut self, job: Job) {
        self.last += 1;
        self.jobs.push_back((self.last, job));
    }
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
    pub(crate) async fn read<T, E, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<ReadError>,
        F: FnOnce(&mut ReadConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: the read would be for nothing.
            if !reply.is_closed() {
                drop(reply.send(read(connection).map_err(Into::into)));
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
            waiting.push(job);
        }
        self.wake.notify_one();
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(read)) => read.map_err(|error: ReadError| error.into()),
            Ok(Err(_)) => Err(unavailable("a reader of the store has stopped")),
            Err(_) => Err(unavailable("the disk does not answer")),
        }
    }

    /// The work of one thread, until the queue is closed and empty.
    pub(crate) fn run(&self, mut connection: ReadConnection) {
        let _closes = ClosesAtPanic(self);
        while let Some((first, last)) = self.wait_for_job() {
            connection.begin_snapshot();
            let mut next = Some(first);
            let mut reads = 0;
            while let Some(job) = next {
                job(&mut connection);
                reads += 1;
                // One by one: what stands behind a long read is taken by another thread.
                next = (reads < GROUP).then(|| self.take_up_to(last)).flatten();
            }
            connection.end_snapshot();
        }
    }

    /// Waits for a job, and returns it with the number of the last one that has been asked for: all of these may be
    /// done in the same snapshot. `None` once the queue is closed and empty.
    fn wait_for_job(&self) -> Option<(Job, u64)> {
        let mut waiting = self.lock();
        loop {
            if let Some((_, job)) = waiting.jobs.pop_front() {
                return Some((job, waiting.last));
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .wake
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next job, if it was asked for no later than `last`.
    fn take_up_to(&self, last: u64) -> Option<Job> {
        let mut waiting = self.lock();
        let (number, _) = waiting.jobs.front()?;
        if *number > last {
            return None;
        }
        waiting.jobs.pop_front().map(|(_, job)| job)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use rusqlite::Connection;

    use super::{ReadConnection, ReadQueue};
    use crate::folder::DataFolder;
    use crate::index::memtable::{IndexVersion, Memtable};
    use crate::index::reader::IndexReader;

    fn connection(folder: &Arc<DataFolder>) -> ReadConnection {
        let version = IndexVersion {
            generation: 1,
            session: 1,
            through: 0,
        };
        ReadConnection {
            orders: Connection::open_in_memory().unwrap(),
            index: IndexReader::new(Arc::clone(folder)),
            memtable: Arc::new(Memtable::new(version, 100)),
        }
    }

    fn push(queue: &ReadQueue, job: impl FnOnce(&mut ReadConnection) + Send + 'static) {
        queue.lock().push(Box::new(job));
    }

    #[test]
    fn a_long_read_keeps_nobody_waiting_who_stands_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        let queue = Arc::new(ReadQueue::new(100));
        let (done, quick_ones) = channel();
        // It lasts until all the others have been done.
        push(&queue, move |_| {
            for _ in 0..10 {
                let waited = quick_ones.recv_timeout(Duration::from_secs(20));
                waited.expect("another thread does what stands behind");
            }
        });
        for _ in 0..10 {
            let done = done.clone();
            push(&queue, move |_| done.send(()).unwrap());
        }
        queue.close();
        let threads = [(), ()].map(|()| {
            let (queue, connection) = (Arc::clone(&queue), connection(&folder));
            std::thread::spawn(move || queue.run(connection))
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_read_that_was_asked_for_after_a_snapshot_began_gets_another() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        let queue = Arc::new(ReadQueue::new(100));
        let (told, snapshots) = channel();
        // Whether it is read in a snapshot, and in that of the first read.
        let look = move |connection: &ReadConnection| {
            let in_first = connection.orders.prepare("SELECT * FROM first").is_ok();
            let in_snapshot = !connection.orders.is_autocommit();
            told.send((in_snapshot, in_first)).unwrap();
        };
        let (later, look_later) = (Arc::clone(&queue), look.clone());
        push(&queue, move |connection| {
            // A temporary table is gone with the snapshot that made it.
            let made = connection
                .orders
                .execute_batch("CREATE TEMP TABLE first (one)");
            made.unwrap();
            push(&later, move |connection| look_later(connection));
            later.close();
        });
        push(&queue, move |connection| look(connection));
        queue.run(connection(&folder));
        let told: Vec<_> = snapshots.iter().collect();
        assert_eq!(told, [(true, true), (true, false)]);
    }
}
