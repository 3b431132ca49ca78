//! Stops the store when the writer's thread ends, however it ends: no caller waits for a writer that is not there.

use std::sync::Arc;

use crate::index::memtable::Memtable;
use crate::published::Published;
use crate::queue::WriteQueue;

/// Dropped at the end of the thread. After a panic the store answers nothing any more.
pub(super) struct StopGuard {
    pub(super) published: Arc<Published>,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) memtable: Arc<Memtable>,
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        const STOPPED: &str = "the writer of the store has stopped; restart the process";
        if std::thread::panicking() {
            self.published.distrust(STOPPED.to_owned());
        }
        self.queue.close(STOPPED);
        self.queue.clear();
        self.memtable.signal(|signals| signals.closing = true);
    }
}
