//! One watcher: the topics of one connection and the mailbox that they lead to. Owned by an edge's connection;
//! dropping it ends everything that it watched.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Hub;
use super::change::Delivery;
use super::cursor::Cursor;
use super::error::WatchError;
use super::mailbox::{Lagged, Mailbox};
use super::registry::Joined;
use super::topic::Topic;
use super::visibility::Visibility;
use crate::access::WatchedOrders;
use crate::caller::Caller;

/// Watches topics. Made by [`Hub::watcher`].
#[derive(Debug)]
pub struct Watcher {
    pub(super) hub: Hub,
    pub(super) mailbox: Arc<Mailbox>,
    topics: Vec<Topic>,
    /// Whether the pumps were told that this watcher needs them.
    is_counted: bool,
}

impl Watcher {
    pub(super) fn new(hub: Hub, caller: &Caller) -> Result<Self, WatchError> {
        let visibility = Visibility::of(WatchedOrders::by(caller)?);
        let settings = hub.inner.settings;
        let before = hub.inner.watchers.fetch_add(1, Ordering::Relaxed);
        // From here on the watcher's drop takes the count back.
        let watcher = Self {
            mailbox: Arc::new(Mailbox::new(settings.tuning.queued_changes, visibility)),
            hub,
            topics: Vec::new(),
            is_counted: false,
        };
        if before < settings.max_watchers {
            Ok(watcher)
        } else {
            Err(WatchError::TooManyWatchers)
        }
    }

    /// Stops watching `topic`; whether it was watched. What waits already is still delivered.
    pub fn unwatch(&mut self, topic: &Topic) -> bool {
        let Some(place) = self.topics.iter().position(|known| known == topic) else {
            return false;
        };
        self.topics.swap_remove(place);
        self.hub.registry().leave(&self.mailbox, topic);
        self.rest_if_idle();
        true
    }

    /// The topics that are watched.
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Waits for changes and returns all that have come, at least one delivery. Cancel-safe.
    ///
    /// # Errors
    /// [`Lagged`], from then on always: what came is thrown away, and the watcher has to be made anew.
    pub async fn receive(&self) -> Result<VecDeque<Delivery>, Lagged> {
        self.mailbox.receive().await
    }

    /// Where this watcher has got to, if nothing waits for it: quiet watchers keep a fresh cursor by it.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let registry = self.hub.registry();
        self.mailbox.is_idle().then(|| registry.cursor())
    }

    /// Returns once this watcher lags, so that a write to a client that takes nothing can be given up. Cancel-safe.
    pub async fn lagging(&self) {
        self.mailbox.lagging().await;
    }

    /// Ends all watching. Returns what still waited, and the cursor that resumes after it.
    ///
    /// # Errors
    /// [`Lagged`]: what waited was thrown away, and no cursor is right.
    pub fn end(&mut self) -> Result<(VecDeque<Delivery>, Cursor), Lagged> {
        let mut registry = self.hub.registry();
        let cursor = registry.cursor();
        for topic in self.topics.drain(..) {
            registry.leave(&self.mailbox, &topic);
        }
        drop(registry);
        self.rest_if_idle();
        if self.mailbox.is_lagged() {
            return Err(Lagged);
        }
        Ok((self.mailbox.take(), cursor))
    }

    pub(super) fn need_pumps(&mut self) {
        if self.is_counted {
            return;
        }
        self.is_counted = true;
        let is_first = self.hub.registry().add_watcher();
        if is_first {
            self.hub.inner.wanted.send_modify(|count| *count += 1);
        }
    }

    /// A watcher without topics does not keep the pumps going.
    pub(super) fn rest_if_idle(&mut self) {
        if self.is_counted && self.topics.is_empty() {
            self.is_counted = false;
            self.hub.registry().remove_watcher();
        }
    }

    pub(super) fn join(&mut self, topic: &Topic) -> Joined {
        let mut registry = self.hub.registry();
        if self.topics.contains(topic) {
            registry.leave(&self.mailbox, topic);
        } else {
            self.topics.push(topic.clone());
        }
        registry.join(&self.mailbox, topic)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // What still waits is nobody's any more.
        let _ = self.end();
        self.hub.inner.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}
