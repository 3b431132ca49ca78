//! Which shards take commits. A failed commit is noted here; probes find out when commits succeed again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ShardId;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::ports::{CommitError, OrderWriter, StoreError};

/// How long after a failed probe the next one comes.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// A probe without an answer in this time has failed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a shard takes no commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFailure {
    /// It has no room left.
    Full,
    /// Anything else; the log says what.
    Unavailable,
}

impl CommitFailure {
    /// What an error says about the shard that it names; `None` for what is the caller's fault or says nothing for sure.
    const fn of(error: &StoreError) -> Option<(ShardId, Self)> {
        match error {
            StoreError::Full { shard, .. } => Some((*shard, Self::Full)),
            StoreError::Unavailable { shard, .. } => Some((*shard, Self::Unavailable)),
            // A queue that is full empties, a map is read again, and a caller's deadline may have been too short.
            StoreError::Overloaded { .. }
            | StoreError::Moved { .. }
            | StoreError::Expired
            | StoreError::Unknown { .. }
            | StoreError::Corrupt { .. } => None,
        }
    }
}

/// Which shards take commits. Clones share everything.
#[derive(Clone)]
pub struct CommitHealth {
    shards: Arc<BTreeMap<ShardId, Shard>>,
}

#[derive(Default)]
struct Shard {
    state: Mutex<State>,
    has_failed: Notify,
}

#[derive(Default)]
struct State {
    failure: Option<CommitFailure>,
    /// How many commits have failed: a probe that began before the last of them proves nothing.
    failures: u64,
}

impl CommitHealth {
    /// Commits of these shards, which count as good until one fails.
    #[must_use]
    pub fn new(shards: &[ShardId]) -> Self {
        let shards = shards.iter().map(|shard| (*shard, Shard::default()));
        Self {
            shards: Arc::new(shards.collect()),
        }
    }

    /// Why the shard takes no commits; `None` if it takes them, as far as is known.
    #[must_use]
    pub fn failure(&self, shard: ShardId) -> Option<CommitFailure> {
        self.shards.get(&shard)?.lock().failure
    }

    /// Probes shards whose commits fail, until they succeed again. Runs until `stop`.
    pub async fn run(&self, writer: Arc<dyn OrderWriter>, stop: CancellationToken) {
        let shards = self.shards.iter();
        let probing =
            join_all(shards.map(|(id, shard)| shard.probe_whenever_it_fails(*id, &writer)));
        tokio::select! {
            _ = probing => {}
            () = stop.cancelled() => {}
        }
    }

    /// A commit failed.
    pub(super) fn note(&self, error: &StoreError) {
        if let Some((id, failure)) = CommitFailure::of(error)
            && let Some(shard) = self.shards.get(&id)
            && shard.failed(failure)
        {
            tracing::warn!(
                shard = id.0,
                "commits fail: they are probed until one succeeds"
            );
        }
    }

    /// [`CommitHealth::note`], for an error of one write.
    pub(super) fn note_write(&self, error: &CommitError) {
        if let CommitError::Store(error) = error {
            self.note(error);
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this is news.
    fn failed(&self, failure: CommitFailure) -> bool {
        let mut state = self.lock();
        state.failures += 1;
        let before = state.failure.replace(failure);
        drop(state);
        if before.is_none() {
            self.has_failed.notify_one();
        }
        before.is_none()
    }

    async fn probe_whenever_it_fails(&self, id: ShardId, writer: &Arc<dyn OrderWriter>) {
        loop {
            while self.lock().failure.is_none() {
                self.has_failed.notified().await;
            }
            if self.probe(id, writer).await {
                tracing::info!(shard = id.0, "commits succeed again");
            } else {
                tokio::time::sleep(PROBE_INTERVAL).await;
            }
        }
    }

    /// Returns whether commits succeed again.
    async fn probe(&self, id: ShardId, writer: &Arc<dyn OrderWriter>) -> bool {
        let failures = self.lock().failures;
        let answer = tokio::time::timeout(PROBE_TIMEOUT, writer.probe_commit(id)).await;
        let mut state = self.lock();
        match answer {
            Ok(Ok(())) if state.failures == failures => {
                state.failure = None;
                true
            }
            Ok(Err(error)) => {
                // What is in the way now may not be what was in the way first.
                if let Some((_, failure)) = CommitFailure::of(&error) {
                    state.failure = Some(failure);
                }
                false
            }
            Ok(Ok(())) | Err(_) => false,
        }
    }
}

impl std::fmt::Debug for CommitHealth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shards = self.shards.iter();
        f.debug_map()
            .entries(shards.map(|(id, shard)| (id, shard.lock().failure)))
            .finish()
    }
}
