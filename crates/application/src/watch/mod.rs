//! Live watching: everybody who asked learns of every change, in order, without slowing anything down.
//!
//! The [`Hub`] reads each shard's events once and hands them to the [`Watcher`]s that want them; edges make watchers
//! and put their framing around what they get. Hints only wake it: the truth is `EventFeed::events_after`. Nothing
//! here writes to the store, waits for a watcher, or knows a protocol.
//!
//! What holds: a watcher gets every change of its topics exactly once and in order from the point where it joined,
//! and the cursor of a change is never ahead of what its watcher was handed before. One that takes too long is told
//! so ([`Lagged`]) and comes back with its cursor; a gap that cannot be filled is told ([`Resync`]).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ShardId;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::caller::Caller;
use crate::ports::{EventFeed, WakeUps};

mod catch_up;
mod change;
mod cursor;
mod error;
mod mailbox;
mod pump;
mod registry;
mod topic;
mod visibility;
mod watcher;

pub use catch_up::{CatchUp, Start};
pub use change::{Batch, Change, Delivery, Framing, Resync, ResyncReason};
pub use cursor::{Cursor, CursorError};
pub use error::WatchError;
pub use mailbox::Lagged;
pub use topic::Topic;
pub use watcher::Watcher;

use registry::Registry;

/// What live watching is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    /// The most watchers at a time; further ones are refused.
    pub max_watchers: usize,
    /// What operators do not set.
    pub tuning: WatchTuning,
}

/// Bounds and waits that operators do not set; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTuning {
    /// The most changes that wait for one watcher; past it, it lags.
    pub queued_changes: usize,
    /// The most events that are read at once.
    pub page_events: usize,
    /// How long a change waits at most where its hint was lost.
    pub slow_scan: Duration,
    /// The waits after failures of the store.
    pub retry: Backoff,
    /// The most events of a shard that are read again for a watcher that resumes; past it, it is told to resync.
    pub resumed_events: u64,
    /// The most pages that are read for resuming watchers at a time.
    pub resuming_reads: usize,
    /// How long a watcher that joins waits for its turn to read, and for the hub to follow its shards.
    pub join_timeout: Duration,
}

impl Default for WatchTuning {
    fn default() -> Self {
        Self {
            queued_changes: 32_768,
            page_events: 1_000,
            slow_scan: Duration::from_secs(1),
            retry: Backoff {
                first: Duration::from_millis(50),
                most: Duration::from_secs(5),
            },
            resumed_events: 100_000,
            resuming_reads: 4,
            join_timeout: Duration::from_secs(5),
        }
    }
}

/// Hands changes out. Clones share everything.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<HubInner>,
}

struct HubInner {
    feed: Arc<dyn EventFeed>,
    wake_ups: Arc<dyn WakeUps>,
    settings: WatchSettings,
    registry: Mutex<Registry>,
    /// Changes when the first watcher comes.
    wanted: watch::Sender<u64>,
    /// Changes when a pump has begun.
    begun: watch::Sender<u64>,
    resuming_reads: Semaphore,
    /// How many watchers there are, with topics or without.
    watchers: AtomicUsize,
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

    /// Hands changes out until `stop`. To be run once for each hub; it ends before `stop` only if a part of it
    /// panicked, which is for its owner to notice.
    pub async fn run(&self, stop: CancellationToken) {
        let mut pumps = JoinSet::new();
        for shard in self.inner.feed.shards() {
            pumps.spawn(pump::Pump::new(self.clone(), *shard).run(stop.clone()));
        }
        // The first end is the end of all: dropping the set stops the others.
        if let Some(Err(error)) = pumps.join_next().await {
            tracing::error!(%error, "handing out changes ended");
        }
    }

    /// A watcher without topics yet. It is handed what its caller may read: a caller that is bound to one user gets no
    /// change of another user's order, whatever it watches.
    ///
    /// # Errors
    /// [`WatchError::Forbidden`] without `orders:read`; [`WatchError::TooManyWatchers`].
    pub fn watcher(&self, caller: &Caller) -> Result<Watcher, WatchError> {
        Watcher::new(self.clone(), caller)
    }

    /// How many watchers there are now.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.inner.watchers.load(Ordering::Relaxed)
    }

    /// How many topics are watched by anybody now.
    #[must_use]
    pub fn watched_topics(&self) -> usize {
        self.registry().topics()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Every change of the registry is complete before anything can panic; a poisoned one is as good.
        self.inner
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The shards whose changes a topic is made of.
    fn shards_of(&self, topic: &Topic) -> Vec<ShardId> {
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
