//! Keeps the leases of one shard's running attempts alive, and finds out which claims are lost.

use std::sync::Arc;
use std::time::Duration;

use application::ports::Claim;
use domain::ShardId;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim_registry::ClaimRegistry;
use crate::parts::Shared;

/// The most claims prolonged by one call.
const MOST_AT_ONCE: usize = 1000;

/// However short a lease is set.
const SHORTEST: Duration = Duration::from_millis(1);

/// Prolongs everything in `registry` each third of a lease until `stop`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    shard: ShardId,
    registry: Arc<ClaimRegistry>,
    stop: CancellationToken,
) {
    let third = (shared.settings.lease / 3).max(SHORTEST);
    let mut beats = interval_at(Instant::now() + third, third);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beats.tick() => {}
        }
        for claims in registry.claims().chunks(MOST_AT_ONCE) {
            let answer =
                timeout(third, shared.queue.heartbeat(claims, shared.settings.lease)).await;
            match answer {
                Ok(Ok(lost)) => {
                    failing = false;
                    strike(&shared, &registry, &lost);
                }
                Ok(Err(error)) if !failing => {
                    failing = true;
                    tracing::warn!(%shard, %error, "leases cannot be prolonged, trying again");
                }
                Err(_elapsed) if !failing => {
                    failing = true;
                    tracing::warn!(%shard, "leases cannot be prolonged in time, trying again");
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

fn strike(shared: &Shared, registry: &ClaimRegistry, lost: &[Claim]) {
    for claim in lost {
        // A claim whose outcome was committed meanwhile is not held any more, and not lost.
        if registry.strike(*claim) {
            shared.counters.lost.add(1);
            tracing::warn!(order_id = %claim.order_id, token = %claim.token, "the claim is lost, its attempt is dropped");
        }
    }
}
