//! The drop guard of the writer thread: stops the store however the thread ends, so that no caller waits for a writer that
//! is gone.

use std::sync::Arc;

use crate::committed_state::CommittedState;
use crate::index::memtable::Memtable;
use crate::queue::WriteQueue;

/// Dropped at the end of the thread. If the thread panicked, that is a fatal error of the store.
pub(super) struct StopGuard {
    pub(super) committed: Arc<CommittedState>,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) memtable: Arc<Memtable>,
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        const STOPPED: &str = "the writer of the store has stopped; restart the process";
        if std::thread::panicking() {
            self.committed.poison(STOPPED.to_owned());
        }
        self.queue.close(STOPPED);
        self.queue.clear();
        self.memtable.signal(|signals| signals.closing = true);
    }
}
