//! What the writer publishes for the readers after each commit: the head, the counts, what is due, and the most recent
//! events.
//!
//! The writer publishes before it answers its callers, so that a caller that has its answer finds here what was written.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use application::ports::{Counts, SequencedEvent, StoreError};
use domain::{EventPosition, Seq};
use tokio::sync::Notify;

use crate::due_work::DueWork;
use crate::failure::unavailable;
use crate::recent::{self, EncodedEvents, RecentEvents};

#[derive(Debug)]
pub(crate) struct Published {
    figures: Mutex<Figures>,
    recent: RwLock<RecentEvents>,
    distrusted: OnceLock<String>,
    is_distrusted: Notify,
}

/// The store after a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) head: u64,
    /// The random bits of the event at the head.
    pub(crate) bits: u32,
    pub(crate) counts: Counts,
    /// When the first waiting work is due.
    pub(crate) work: DueWork,
}

impl Figures {
    /// The position of the last event.
    pub(crate) const fn position(&self) -> EventPosition {
        EventPosition {
            seq: Seq(self.head),
            bits: self.bits,
        }
    }
}

impl Published {
    pub(crate) fn new(figures: Figures, recent_limit: usize) -> Self {
        Self {
            figures: Mutex::new(figures),
            recent: RwLock::new(RecentEvents::new(recent_limit)),
            distrusted: OnceLock::new(),
            is_distrusted: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn figures(&self) -> Figures {
        *self.lock()
    }

    /// Takes over a commit; `events` follow those of the commit before without a gap.
    pub(crate) fn publish(&self, figures: Figures, events: &mut EncodedEvents) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.append(events, figures.head);
        drop(recent);
        *self.lock() = figures;
    }

    /// Takes over a commit that erased orders. No event of theirs is kept: followers read this commit, and what came
    /// before it, from the store.
    pub(crate) fn publish_erasure(&self, figures: Figures) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.forget();
        drop(recent);
        *self.lock() = figures;
    }

    /// The events after `after`, at most `limit`, if all of them are kept here.
    pub(crate) fn recent_after(&self, after: u64, limit: usize) -> Option<Vec<SequencedEvent>> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let found = recent.after(after, limit);
        // The writer publishes under this lock: it does not wait for the events to be decoded.
        drop(recent);
        recent::decode(&found?)
    }

    /// From now on nothing is answered any more: the disk did not keep its word.
    pub(crate) fn distrust(&self, reason: String) {
        // The first reason is the one that matters.
        let _ = self.distrusted.set(reason);
        self.is_distrusted.notify_waiters();
    }

    /// Waits until the store is not trusted any more; the reason.
    pub(crate) async fn distrusted(&self) -> String {
        let mut told = pin!(self.is_distrusted.notified());
        told.as_mut().enable();
        loop {
            if let Some(reason) = self.distrusted.get() {
                return reason.clone();
            }
            told.as_mut().await;
            told.set(self.is_distrusted.notified());
        }
    }

    /// # Errors
    /// If the store is not trusted any more.
    pub(crate) fn check_trusted(&self) -> Result<(), StoreError> {
        self.distrusted
            .get()
            .map_or(Ok(()), |reason| Err(unavailable(reason)))
    }
}
