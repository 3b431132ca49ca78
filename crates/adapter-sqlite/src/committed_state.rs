//! The state of the store after the last commit, as its readers see it: the head of the log, the counts, the due times, and
//! the most recent events. It also holds the fatal error that ends the store.
//!
//! The writer publishes before it answers its callers, so a caller that has its answer finds its write here.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use application::ports::{Counts, SequencedEvent, StoreError};
use domain::{EventPosition, Seq};
use tokio::sync::Notify;

use crate::due_work::DueWork;
use crate::event_ring::{self, CommitEvents, EventRing};
use crate::failure::unavailable;

/// Written by the writer thread, read by all others.
#[derive(Debug)]
pub(crate) struct CommittedState {
    snapshot: Mutex<CommittedSnapshot>,
    events: RwLock<EventRing>,
    fatal_error: OnceLock<String>,
    poisoned: Notify,
}

/// The numbers of the store after a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CommittedSnapshot {
    /// The sequence number of the last event.
    pub(crate) head: u64,
    /// The random bits of the last event.
    pub(crate) bits: u32,
    pub(crate) counts: Counts,
    /// When the first waiting work is due.
    pub(crate) work: DueWork,
}

impl CommittedSnapshot {
    /// The position of the last event.
    pub(crate) const fn position(&self) -> EventPosition {
        EventPosition {
            seq: Seq(self.head),
            bits: self.bits,
        }
    }
}

impl CommittedState {
    pub(crate) fn new(snapshot: CommittedSnapshot, recent_events: usize) -> Self {
        Self {
            snapshot: Mutex::new(snapshot),
            events: RwLock::new(EventRing::new(recent_events)),
            fatal_error: OnceLock::new(),
            poisoned: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CommittedSnapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> CommittedSnapshot {
        *self.lock()
    }

    /// Publishes a commit. Its events follow those of the previous commit without a gap, and are moved out of `events`.
    pub(crate) fn publish(&self, snapshot: CommittedSnapshot, events: &mut CommitEvents) {
        let mut ring = self.events.write().unwrap_or_else(PoisonError::into_inner);
        ring.append(events, snapshot.head);
        drop(ring);
        *self.lock() = snapshot;
    }

    /// Publishes a commit that erased orders. All events in memory are removed, so that none of an erased order is left;
    /// this commit and those before it are read from the database.
    pub(crate) fn publish_erasure(&self, snapshot: CommittedSnapshot) {
        let mut ring = self.events.write().unwrap_or_else(PoisonError::into_inner);
        ring.clear();
        drop(ring);
        *self.lock() = snapshot;
    }

    /// At most `limit` events after `after`; `None` if not all of them are in memory.
    pub(crate) fn recent_events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> Option<Vec<SequencedEvent>> {
        let ring = self.events.read().unwrap_or_else(PoisonError::into_inner);
        let found = ring.after(after, limit);
        // The events are decoded outside the lock, under which the writer publishes.
        drop(ring);
        event_ring::decode(&found?)
    }

    /// Records a fatal error: from now on the store answers nothing. Only the first error is kept.
    pub(crate) fn poison(&self, error: String) {
        let _ = self.fatal_error.set(error);
        self.poisoned.notify_waiters();
    }

    /// Waits for a fatal error and returns it.
    pub(crate) async fn fatal_error(&self) -> String {
        let mut poisoned = pin!(self.poisoned.notified());
        poisoned.as_mut().enable();
        loop {
            if let Some(error) = self.fatal_error.get() {
                return error.clone();
            }
            poisoned.as_mut().await;
            poisoned.set(self.poisoned.notified());
        }
    }

    /// # Errors
    /// [`StoreError::Unavailable`] after a fatal error.
    pub(crate) fn check_usable(&self) -> Result<(), StoreError> {
        self.fatal_error
            .get()
            .map_or(Ok(()), |error| Err(unavailable(error)))
    }
}
