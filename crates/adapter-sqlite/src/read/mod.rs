//! Reading: a few threads with a connection each, fed by a bounded queue, so that the disk never blocks a task.
//!
//! Every read begins after it was queued, so it sees everything that was confirmed before. All reads that were queued when a
//! snapshot began may share it: beginning and ending a snapshot costs as much as reading several orders, and threads that
//! begin one for each read contend for the lock of the file. Nothing here writes.

pub(crate) mod error;
mod events;
mod list;
mod orders;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::failure::unavailable;
use crate::index::damage::IndexFailure;
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;
use error::ReadError;

/// How long a call without a deadline waits for its answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The most reads in one snapshot. While a snapshot is open, the write-ahead log cannot restart.
const MAX_READS_PER_SNAPSHOT: usize = 16;

/// The connections and the memtable of one reading thread.
pub(crate) struct ReadConnection {
    pub(crate) orders: Connection,
    pub(crate) index: IndexReader,
    pub(crate) memtable: Arc<Memtable>,
}

impl ReadConnection {
    /// Begins a snapshot; it is taken at the first read. If that fails, the reads themselves fail.
    fn begin_snapshot(&self) {
        self.execute("BEGIN");
    }

    /// Ends the snapshots of the orders and the index, so that their write-ahead logs can restart.
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

type Read = Box<dyn FnOnce(&mut ReadConnection) + Send>;

pub(crate) struct ReadQueue {
    limit: usize,
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    /// Each read with its number.
    reads: VecDeque<(u64, Read)>,
    /// The number of the read that was queued last.
    last: u64,
    closed: bool,
}

impl QueueState {
    fn push(&mut self, read: Read) {
        self.last += 1;
        self.reads.push_back((self.last, read));
    }
}

impl ReadQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` on one of the threads and awaits its result.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] if the queue is full; otherwise the error of the read.
    pub(crate) async fn read<T, E, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<ReadError>,
        F: FnOnce(&mut ReadConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued: Read = Box::new(move |connection| {
            // A read whose caller has given up is skipped.
            if !reply.is_closed() {
                drop(reply.send(read(connection).map_err(Into::into)));
            }
        });
        {
            let mut state = self.lock();
            if state.closed {
                return Err(unavailable("the store is closed"));
            }
            if state.reads.len() >= self.limit {
                let limit = self.limit;
                return Err(StoreError::Overloaded { limit });
            }
            state.push(queued);
        }
        self.wake.notify_one();
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(read)) => read.map_err(|error: ReadError| error.into()),
            Ok(Err(_)) => Err(unavailable("a reader of the store has stopped")),
            Err(_) => Err(unavailable("the disk does not answer")),
        }
    }

    /// Runs reads on the calling thread until the queue is closed and empty.
    pub(crate) fn run(&self, mut connection: ReadConnection) {
        let _guard = CloseOnPanic(self);
        while let Some((first, last)) = self.wait_for_read() {
            connection.begin_snapshot();
            let mut next = Some(first);
            let mut count = 0;
            while let Some(read) = next {
                read(&mut connection);
                count += 1;
                // Reads are taken one at a time, so that another thread takes those behind a long read.
                next = (count < MAX_READS_PER_SNAPSHOT)
                    .then(|| self.take_up_to(last))
                    .flatten();
            }
            connection.end_snapshot();
        }
    }

    /// Waits for a read. Returns it with the number of the last queued one: all reads up to that number may share a snapshot
    /// that begins now. `None` once the queue is closed and empty.
    fn wait_for_read(&self) -> Option<(Read, u64)> {
        let mut state = self.lock();
        loop {
            if let Some((_, read)) = state.reads.pop_front() {
                return Some((read, state.last));
            }
            if state.closed {
                return None;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next read, if its number is not greater than `last`.
    fn take_up_to(&self, last: u64) -> Option<Read> {
        let mut state = self.lock();
        let (number, _) = state.reads.front()?;
        if *number > last {
            return None;
        }
        state.reads.pop_front().map(|(_, read)| read)
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }
}

/// Closes the queue if a reading thread panics, so that no caller waits for a thread that has ended.
struct CloseOnPanic<'a>(&'a ReadQueue);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
            let dropped = std::mem::take(&mut self.0.lock().reads);
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

    fn push(queue: &ReadQueue, read: impl FnOnce(&mut ReadConnection) + Send + 'static) {
        queue.lock().push(Box::new(read));
    }

    #[test]
    fn a_long_read_does_not_delay_the_reads_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        let queue = Arc::new(ReadQueue::new(100));
        let (done, quick_reads) = channel();
        // It lasts until all others are done.
        push(&queue, move |_| {
            for _ in 0..10 {
                let waited = quick_reads.recv_timeout(Duration::from_secs(20));
                waited.expect("another thread runs the reads behind it");
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
    fn a_read_that_is_queued_after_a_snapshot_began_gets_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        let queue = Arc::new(ReadQueue::new(100));
        let (sender, snapshots) = channel();
        // Sends whether there is a snapshot, and whether it is that of the first read.
        let observe = move |connection: &ReadConnection| {
            let in_first = connection.orders.prepare("SELECT * FROM first").is_ok();
            let in_snapshot = !connection.orders.is_autocommit();
            sender.send((in_snapshot, in_first)).unwrap();
        };
        let (later, observe_later) = (Arc::clone(&queue), observe.clone());
        push(&queue, move |connection| {
            // The end of the snapshot removes the temporary table.
            let created = connection
                .orders
                .execute_batch("CREATE TEMP TABLE first (one)");
            created.unwrap();
            push(&later, move |connection| observe_later(connection));
            later.close();
        });
        push(&queue, move |connection| observe(connection));
        queue.run(connection(&folder));
        let observed: Vec<_> = snapshots.iter().collect();
        assert_eq!(observed, [(true, true), (true, false)]);
    }
}
