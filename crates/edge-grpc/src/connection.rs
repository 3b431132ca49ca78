//! One connection as its calls see it: whether any runs, what their answers hold, and how it is ended.
//!
//! `server` makes one for each connection; every call keeps it until its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::answer_memory::{AnswerMemory, ConnectionAnswers};

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What its answers hold.
    pub(crate) answers: ConnectionAnswers,
    /// Cancelled when it is cut off with everything on it.
    pub(crate) cut: CancellationToken,
    active_calls: AtomicUsize,
    /// Whether a call has ended since the idle time was last looked at.
    was_active: AtomicBool,
}

/// A call under way on a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall(Arc<Connection>);

impl Connection {
    /// A connection without calls, which is cut off with `hard` at the latest.
    pub(crate) fn new(answers: &Arc<AnswerMemory>, hard: &CancellationToken) -> Arc<Self> {
        let cut = hard.child_token();
        Arc::new(Self {
            answers: answers.connection(cut.clone()),
            cut,
            active_calls: AtomicUsize::new(0),
            was_active: AtomicBool::new(false),
        })
    }

    /// A call begins.
    pub(crate) fn begin_call(self: &Arc<Self>) -> ActiveCall {
        self.active_calls.fetch_add(1, Ordering::Relaxed);
        ActiveCall(Arc::clone(self))
    }

    /// Returns once it had no call for `timeout` (exact to half of it).
    pub(crate) async fn is_idle(&self, timeout: Duration) {
        let mut idle_ticks = 0;
        while idle_ticks < 2 {
            tokio::time::sleep(timeout / 2).await;
            let is_active = self.active_calls.load(Ordering::Relaxed) > 0;
            let was_active = self.was_active.swap(false, Ordering::Relaxed);
            idle_ticks = if is_active || was_active {
                0
            } else {
                idle_ticks + 1
            };
        }
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.was_active.store(true, Ordering::Relaxed);
        self.0.active_calls.fetch_sub(1, Ordering::Relaxed);
    }
}
