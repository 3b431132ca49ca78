//! The bounded queue between the pump and one watcher. The pump never waits for it: past its bound it is emptied
//! and the watcher is told that it lags.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::change::{Batch, Delivery, Resync};
use super::visibility::Visibility;

/// The watcher took changes more slowly than they came, and its queue ran over its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the watcher lags: more changes waited for it than are kept")]
pub struct Lagged;

#[derive(Debug)]
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Notify,
    /// The most changes that may wait.
    bound: usize,
    /// How many topics lead here. Written under the registry's lock alone.
    topics: AtomicUsize,
    /// Whether everything leads here, so that single topics need not. Written under the registry's lock alone.
    gets_everything: AtomicBool,
    /// Which changes of single orders may lead here.
    visibility: Visibility,
}

#[derive(Debug, Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    changes: usize,
    lagged: bool,
}

impl Mailbox {
    pub(super) fn new(bound: usize, visibility: Visibility) -> Self {
        Self {
            queue: Mutex::default(),
            arrived: Notify::new(),
            bound,
            topics: AtomicUsize::new(0),
            gets_everything: AtomicBool::new(false),
            visibility,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, batch: &Arc<Batch>) {
        {
            let mut queue = self.queue();
            if queue.lagged {
                return;
            }
            queue.changes += batch.changes().len();
            if queue.changes > self.bound {
                *queue = Queue {
                    lagged: true,
                    ..Queue::default()
                };
            } else {
                queue
                    .deliveries
                    .push_back(Delivery::Changes(Arc::clone(batch)));
            }
        }
        self.arrived.notify_one();
    }

    /// Tells of a gap. What waits from before it is of the past that the gap replaces.
    pub(super) fn push_resync(&self, resync: &Resync) {
        {
            let mut queue = self.queue();
            if queue.lagged {
                return;
            }
            *queue = Queue::default();
            queue.deliveries.push_back(Delivery::Resync(resync.clone()));
        }
        self.arrived.notify_one();
    }

    /// Everything that waits, without waiting.
    pub(super) fn take(&self) -> VecDeque<Delivery> {
        let mut queue = self.queue();
        queue.changes = 0;
        std::mem::take(&mut queue.deliveries)
    }

    pub(super) fn is_lagged(&self) -> bool {
        self.queue().lagged
    }

    /// Whether nothing waits and nothing was thrown away.
    pub(super) fn is_idle(&self) -> bool {
        let queue = self.queue();
        !queue.lagged && queue.deliveries.is_empty()
    }

    /// Everything that waits, at least one delivery. Cancel-safe.
    pub(super) async fn receive(&self) -> Result<VecDeque<Delivery>, Lagged> {
        loop {
            let arrived = self.arrived.notified();
            if self.is_lagged() {
                return Err(Lagged);
            }
            let waiting = self.take();
            if !waiting.is_empty() {
                return Ok(waiting);
            }
            arrived.await;
        }
    }

    /// Returns once the watcher lags. Cancel-safe. The wake-ups that it takes are not missed by
    /// [`Mailbox::receive`], which looks before it waits.
    pub(super) async fn lagging(&self) {
        loop {
            let arrived = self.arrived.notified();
            if self.is_lagged() {
                return;
            }
            arrived.await;
        }
    }

    pub(super) const fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    pub(super) fn topics(&self) -> usize {
        self.topics.load(Ordering::Relaxed)
    }

    pub(super) fn count_topic(&self, by: isize) {
        let topics = self.topics().saturating_add_signed(by);
        self.topics.store(topics, Ordering::Relaxed);
    }

    pub(super) fn gets_everything(&self) -> bool {
        self.gets_everything.load(Ordering::Relaxed)
    }

    pub(super) fn set_gets_everything(&self, everything: bool) {
        self.gets_everything.store(everything, Ordering::Relaxed);
    }
}
