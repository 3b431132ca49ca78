//! Processes orders: claims due ones, hands each to the handler, writes its receipt and commits its outcome.
//!
//! The binary builds a [`Worker`] out of the application's ports and runs it in the processor role. Inside, each shard
//! has its own small services (pool, outcome committer, heartbeat, rescuer), each a file, each with one
//! contract: it runs until its stop token, then leaves nothing undone or says what. All shards share one circuit
//! breaker, one limiter and one bound of running attempts, because they share the endpoint behind the handler. The worker
//! never writes anything but guarded outcomes: at least once, with one effect.

mod attempt;
mod claim_registry;
mod claim_source;
mod counters;
mod endpoint;
mod heartbeat;
mod lanes;
mod limiter;
mod no_work;
mod outcome_committer;
mod parts;
mod permits;
mod pool;
mod receipt_store_health;
mod rescuer;
mod retry_policy;
mod settings;
mod shard;

use std::sync::Arc;

use application::ports::WakeUps;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use counters::WorkerReport;
pub use endpoint::{BreakerState, EndpointSnapshot};
pub use no_work::NoWork;
pub use parts::WorkerParts;
pub use settings::{BreakerSettings, Tuning, WorkerSettings};

use parts::Shared;

/// A worker over all shards of a store.
pub struct Worker {
    shared: Arc<Shared>,
    wake_ups: Arc<dyn WakeUps>,
}

/// Shows the state of a worker. Cheap to clone and to ask; outlives the worker.
#[derive(Clone)]
pub struct WorkerStatus {
    shared: Arc<Shared>,
}

impl Worker {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(parts: WorkerParts) -> Self {
        let (shared, wake_ups) = Shared::new(parts);
        Self { shared, wake_ups }
    }

    /// Shows its state, also while it runs.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        WorkerStatus {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Works until `soft`: then nothing more is claimed, running attempts end or are given back within the configured
    /// times, and outcomes are written. `hard` ends it at once; what is claimed then waits for its lease.
    ///
    /// Returns early, with [`WorkerReport::broken`], only where a service broke: the other shards have been stopped
    /// softly then.
    pub async fn run(self, soft: CancellationToken, hard: CancellationToken) -> WorkerReport {
        // Of its own, so that a broken shard can stop the others without stopping the caller's world.
        let stop = soft.child_token();
        let mut shards = JoinSet::new();
        for shard in self.shared.queue.shards() {
            shards.spawn(shard::run(
                Arc::clone(&self.shared),
                Arc::clone(&self.wake_ups),
                *shard,
                stop.clone(),
            ));
        }
        let shared = Arc::clone(&self.shared);
        let asking = stop.clone();
        shards.spawn(async move {
            receipt_store_health::run(&shared.receipt_store_health, asking).await;
        });
        let mut broken = None;
        loop {
            tokio::select! {
                ended = shards.join_next() => match ended {
                    None => break,
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        tracing::error!(%error, "a service of the worker broke, the worker stops");
                        broken = Some(error.to_string());
                        stop.cancel();
                    }
                },
                () = hard.cancelled() => {
                    shards.abort_all();
                    break;
                }
            }
        }
        WorkerReport {
            broken,
            ..self.shared.counters.report()
        }
    }
}

impl WorkerStatus {
    /// What is known of the endpoint behind the handler.
    #[must_use]
    pub fn endpoint(&self) -> EndpointSnapshot {
        self.shared.endpoint.snapshot()
    }

    /// Whether receipts can be written, as far as is known.
    #[must_use]
    pub fn receipts_reachable(&self) -> bool {
        self.shared.receipt_store_health.is_reachable()
    }

    /// How many attempts run now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.running.count()
    }

    /// What has been done so far.
    #[must_use]
    pub fn report(&self) -> WorkerReport {
        self.shared.counters.report()
    }
}

impl std::fmt::Debug for WorkerStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerStatus")
            .field("endpoint", &self.endpoint())
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
