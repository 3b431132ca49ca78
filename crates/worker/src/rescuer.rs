//! Takes back the orders of one shard whose worker has died or hangs: the lease ran out, the attempt counts.

use std::sync::Arc;

use application::ports::RescuePolicy;
use domain::{ShardId, Status};
use tokio_util::sync::CancellationToken;

use crate::parts::Shared;

/// The most orders rescued by one call.
const MOST_AT_ONCE: usize = 256;

/// Looks for lost leases at once and then at every interval, until `stop`.
pub(crate) async fn run(shared: Arc<Shared>, shard: ShardId, stop: CancellationToken) {
    let mut failing = false;
    let (mut round, mut round_dead) = (0, 0);
    let policy = RescuePolicy {
        max_attempts: shared.settings.max_attempts,
        delay: shared.settings.backoff_first,
    };
    loop {
        match shared.queue.rescue(shard, policy, MOST_AT_ONCE).await {
            Ok(rescued) => {
                failing = false;
                shared.counters.rescued.add(rescued.len());
                let dead = rescued
                    .iter()
                    .filter(|order| order.status == Status::Failed)
                    .count();
                round += rescued.len();
                round_dead += dead;
                if rescued.len() == MOST_AT_ONCE && !stop.is_cancelled() {
                    continue;
                }
                if round > 0 {
                    tracing::warn!(%shard, rescued = round, dead_letters = round_dead, "leases ran out, their orders are taken back");
                }
                (round, round_dead) = (0, 0);
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%shard, %error, "lost leases cannot be looked for, trying again");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(shared.settings.tuning.rescue_interval) => {}
        }
    }
}
