//! What live watching is set to. Wiring makes the settings; the hub hands them to its parts.

use std::time::Duration;

use crate::backoff::Backoff;

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
    /// The most events of a shard that are read again for a watcher that resumes; past it, it gets a [`Resync`](super::Resync).
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
