//! The services of one shard, started together and stopped in the order that loses nothing: first no more claims and
//! rescues, then the attempts, then their outcomes, then the heartbeats.

use std::sync::Arc;

use application::ports::WakeUps;
use domain::ShardId;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::claim_registry::ClaimRegistry;
use crate::claim_source::ClaimSource;
use crate::lanes::LaneShares;
use crate::outcome_committer::OutcomeCommitter;
use crate::parts::Shared;
use crate::pool::Pool;
use crate::{heartbeat, rescuer};

/// Works on one shard until `stop`, and then until everything claimed is finished, given back or abandoned.
pub(crate) async fn run(
    shared: Arc<Shared>,
    wake_ups: Arc<dyn WakeUps>,
    shard: ShardId,
    stop: CancellationToken,
) {
    let rescheduled = Arc::new(Notify::new());
    let claim_source = ClaimSource::new(
        Arc::clone(&shared),
        &*wake_ups,
        shard,
        Arc::clone(&rescheduled),
    );
    let rescuer = rescuer::run(Arc::clone(&shared), shard, stop.clone());
    let most = shared.settings.max_in_flight.max(1);
    let (finished, arrivals) = mpsc::channel(most);
    let registry = Arc::new(ClaimRegistry::default());
    let pool = Pool {
        claim_source,
        registry: Arc::clone(&registry),
        claim_permits: Arc::new(Semaphore::new(most)),
        share: most.div_ceil(shared.queue.shards().len().max(1)),
        lanes: LaneShares::new(most),
        finished,
        shared: Arc::clone(&shared),
    };
    let committer = OutcomeCommitter::new(Arc::clone(&shared), shard, rescheduled);
    let outcomes_written = CancellationToken::new();
    let give_up = CancellationToken::new();
    let store_timeout = shared.settings.tuning.store_timeout;
    let work = async {
        pool.run(stop).await;
        tokio::select! {
            () = outcomes_written.cancelled() => {}
            () = tokio::time::sleep(store_timeout) => give_up.cancel(),
        }
    };
    let outcomes = async {
        committer.run(arrivals, give_up.clone()).await;
        outcomes_written.cancel();
    };
    let heartbeat = heartbeat::run(
        Arc::clone(&shared),
        shard,
        registry,
        outcomes_written.clone(),
    );
    tokio::join!(
        Box::pin(work),
        Box::pin(outcomes),
        Box::pin(heartbeat),
        Box::pin(rescuer)
    );
}
