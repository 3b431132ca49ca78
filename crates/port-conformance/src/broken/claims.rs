//! How a broken store takes due work: of whatever lane, without going round, or telling of one lane alone. Used by `store`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use application::ports::{ClaimLimits, LaneLimit, NextDue, StoreError};
use domain::{Order, ShardId};

use super::Fault;
use super::store::BrokenStore;
use crate::in_memory::bucket_round::BucketRound;

/// More than a behaviour makes.
const EVERYTHING: usize = 100_000;

impl BrokenStore {
    /// Claims in the broken store's order.
    pub(super) async fn claim_in_wrong_order(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        match self.fault {
            Fault::SharelessLanes => {
                let any = ClaimLimits::any(limits.total);
                self.healthy.claim(shard, any, lease).await
            }
            Fault::OldestFirst | Fault::RestartedRound => {
                self.claim_ahead(shard, limits, lease).await
            }
            _ => self.healthy.claim(shard, limits, lease).await,
        }
    }

    /// Claims everything, keeps it, and hands it out in an order of its own.
    async fn claim_ahead(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let everything = ClaimLimits {
            total: EVERYTHING,
            lanes: limits.lanes.map(|lane| LaneLimit {
                share: lane.most.min(1) * EVERYTHING,
                most: lane.most.min(1) * EVERYTHING,
            }),
        };
        let claimed = self.healthy.claim(shard, everything, lease).await?;
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.extend(claimed);
        ahead.sort_unstable_by_key(|order| order.id);
        let given = if self.fault == Fault::OldestFirst {
            ahead.iter().take(limits.total).cloned().collect()
        } else {
            let by_bucket = ahead.iter().map(|order| (order.id.bucket(), order.clone()));
            BucketRound::default().take(by_bucket, limits.total)
        };
        ahead.retain(|order| !given.contains(order));
        Ok(given)
    }

    /// Tells of all lanes as if they were one.
    pub(super) fn merge_lanes(&self, due: NextDue) -> NextDue {
        if self.fault == Fault::MergedLanes {
            let mut lanes = [None; 3];
            lanes[0] = due.any_lane();
            NextDue { lanes, ..due }
        } else {
            due
        }
    }
}
