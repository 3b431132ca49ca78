//! The hub that edges hold: what the followers of the shards and the watchers share. The followers add
//! [`Hub::run`](super::Hub::run), the watchers [`Hub::watcher`](super::Hub::watcher).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ShardId;
use tokio::sync::{Semaphore, watch};

use super::registry::Registry;
use super::settings::WatchSettings;
use super::topic::Topic;
use crate::ports::{EventFeed, WakeUps};

/// Hands changes out. Clones share everything.
#[derive(Clone)]
pub struct Hub {
    pub(super) inner: Arc<HubInner>,
}

pub(super) struct HubInner {
    pub(super) feed: Arc<dyn EventFeed>,
    pub(super) wake_ups: Arc<dyn WakeUps>,
    pub(super) settings: WatchSettings,
    registry: Mutex<Registry>,
    /// Changes when the first watcher comes.
    pub(super) wanted: watch::Sender<u64>,
    /// Changes when a shard follower has begun.
    pub(super) begun: watch::Sender<u64>,
    pub(super) resuming_reads: Semaphore,
    /// How many watchers there are, with topics or without.
    pub(super) watchers: AtomicUsize,
}

impl Hub {
    /// A hub over this feed, woken by `wake_ups` of the same store. Nothing is handed out before [`Hub::run`].
    #[must_use]
    pub fn new(
        feed: Arc<dyn EventFeed>,
        wake_ups: Arc<dyn WakeUps>,
        settings: WatchSettings,
    ) -> Self {
        let registry = Mutex::new(Registry::new(feed.shards()));
        Self {
            inner: Arc::new(HubInner {
                registry,
                feed,
                wake_ups,
                settings,
                wanted: watch::Sender::new(0),
                begun: watch::Sender::new(0),
                resuming_reads: Semaphore::new(settings.tuning.resuming_reads),
                watchers: AtomicUsize::new(0),
            }),
        }
    }

    /// How many watchers there are now.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.inner.watchers.load(Ordering::Relaxed)
    }

    /// How many topics are watched now.
    #[must_use]
    pub fn watched_topics(&self) -> usize {
        self.registry().topics()
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        // Every change of the registry is complete before anything can panic; a poisoned one is as good.
        self.inner
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The shards whose changes a topic is made of.
    pub(super) fn shards_of(&self, topic: &Topic) -> Vec<ShardId> {
        let feed = &self.inner.feed;
        match topic {
            Topic::Order(id) => vec![feed.shard_of(id.bucket())],
            Topic::User(user) => vec![feed.shard_of(domain::Bucket::of(user))],
            Topic::Everything => feed.shards().to_vec(),
        }
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
