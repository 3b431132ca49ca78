//! The queue of due work: claims and their limits, heartbeats, rescues, and what is due next. The worker uses it; it
//! decides nothing but how the lanes share a claim.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Lane, Order, OrderId, ShardId, Version};

use super::sharded::Sharded;
use super::store_error::StoreError;

/// A worker's hold on an order: it is the version that the claim made, so that it never comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The order.
    pub order_id: OrderId,
    /// The fencing token.
    pub token: Version,
}

/// The most orders of one home bucket that a claim takes before the next bucket of the lane has its turn.
pub const PER_BUCKET: usize = 2;

/// How much of a claim a lane may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneLimit {
    /// The most orders while other lanes want a part of the claim, too. It may be larger than the claim.
    pub share: usize,
    /// The most orders in any case. Past its share a lane gets only what the others leave.
    pub most: usize,
}

/// How many orders a claim takes, of which lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimLimits {
    /// The most orders in all.
    pub total: usize,
    /// The limits of each lane, at [`Lane::index`].
    pub lanes: [LaneLimit; Lane::ALL.len()],
}

impl ClaimLimits {
    /// At most `total` orders, of whatever lane.
    #[must_use]
    pub const fn any(total: usize) -> Self {
        let lane = LaneLimit {
            share: total,
            most: total,
        };
        Self {
            total,
            lanes: [lane; Lane::ALL.len()],
        }
    }

    /// How many orders to take of each lane, if the lanes can give `due` of them. No lane gets more than its share while
    /// another one has not got its own; while the claim is too small for all shares, the lane with the most of its share
    /// left comes first.
    #[must_use]
    pub fn allot(&self, due: [usize; Lane::ALL.len()]) -> [usize; Lane::ALL.len()] {
        let mut taken = [0; Lane::ALL.len()];
        for _ in 0..self.total {
            let lanes = || Lane::ALL.map(Lane::index).into_iter();
            let can_give = |lane: &usize| taken[*lane] < due[*lane].min(self.lanes[*lane].most);
            let within_share = lanes()
                .filter(can_give)
                .map(|lane| (self.lanes[lane].share.saturating_sub(taken[lane]), lane))
                .filter(|(left, _)| *left > 0)
                .max_by_key(|(left, lane)| (*left, std::cmp::Reverse(*lane)));
            let next = match within_share {
                Some((_, lane)) => Some(lane),
                None => lanes()
                    .filter(can_give)
                    .min_by_key(|lane| (taken[*lane], *lane)),
            };
            let Some(lane) = next else { break };
            taken[lane] += 1;
        }
        taken
    }
}

/// What a rescue does with an order whose lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RescuePolicy {
    /// With this many attempts behind it, it becomes a dead letter.
    pub max_attempts: u32,
    /// Otherwise it is due again after this and more, as [`domain::Order::lose_lease`] draws it.
    pub delay: Duration,
}

/// When the next waiting work of a shard is due: so long from now, zero if it is due already; `None` if none waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NextDue {
    /// The work of each lane that [`WorkQueue::claim`] takes, at [`Lane::index`].
    pub lanes: [Option<Duration>; Lane::ALL.len()],
    /// The work that [`WorkQueue::claim_quarantined`] takes.
    pub quarantined: Option<Duration>,
}

impl NextDue {
    /// The work of one lane.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> Option<Duration> {
        self.lanes[lane.index()]
    }

    /// The work of any lane that is not quarantined.
    #[must_use]
    pub fn any_lane(&self) -> Option<Duration> {
        self.lanes.into_iter().flatten().min()
    }
}

/// Hands out due work, under leases. The worker is its one user; it writes outcomes through
/// [`OrderWriter::commit`](super::OrderWriter::commit), guarded by the token of the claim.
///
/// - Durability: a claim and a rescue are on stable storage when they are returned.
/// - Two claims never share an order, also across processes.
#[async_trait]
pub trait WorkQueue: Sharded {
    /// Takes orders of a shard whose work is due, by [`Order::claim`]; they are PROCESSING when it returns, under a lease of
    /// `lease` by the store's clock. Two claims never share an order. Quarantined orders ([`Order::is_quarantined`]) are
    /// passed over.
    ///
    /// How many orders each [`domain::Lane`] gives is [`ClaimLimits::allot`]'s decision. Within a lane the store goes round
    /// the home buckets, claim after claim, and takes the oldest due orders of each, at most [`PER_BUCKET`](super::PER_BUCKET)
    /// before the next bucket has its turn. So the work of one customer, however much of it is due, does not keep that of
    /// others waiting.
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError>;

    /// Takes the quarantined order ([`Order::is_quarantined`]) of a shard that is due for longest, as [`WorkQueue::claim`]
    /// takes the others. The caller sees to it that nothing else is worked on meanwhile in this process.
    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError>;

    /// Prolongs leases to `lease` from now, where id, token and PROCESSING still hold and whether or not the lease
    /// has run out meanwhile; returns the claims that are lost.
    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError>;

    /// Takes back up to `limit` orders whose lease has run out, by [`Order::lose_lease`], and returns them as they
    /// stand after it. A live lease is never touched.
    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError>;

    /// When the next work of a shard is due.
    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError>;

    /// For how long the order of a shard that is due for longest has waited since it became due, quarantined ones
    /// included; `None` if none is due.
    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::{ClaimLimits, LaneLimit};

    fn limits(total: usize, lanes: [(usize, usize); 3]) -> ClaimLimits {
        ClaimLimits {
            total,
            lanes: lanes.map(|(share, most)| LaneLimit { share, most }),
        }
    }

    #[test]
    fn a_lane_gets_more_than_its_share_only_if_the_others_leave_it() {
        let half_each = limits(8, [(4, 8), (4, 8), (0, 0)]);
        assert_eq!(half_each.allot([20, 20, 20]), [4, 4, 0]);
        assert_eq!(half_each.allot([20, 1, 0]), [7, 1, 0]);
        assert_eq!(half_each.allot([0, 20, 0]), [0, 8, 0]);
        assert_eq!(half_each.allot([2, 3, 9]), [2, 3, 0]);
    }

    #[test]
    fn a_small_claim_goes_to_the_lane_with_the_most_of_its_share_left() {
        // One call has ended; 31 of the 32 calls of the fresh lane run, and 32 of the other one.
        assert_eq!(
            limits(1, [(1, 1), (0, 1), (0, 0)]).allot([5, 5, 0]),
            [1, 0, 0]
        );
        assert_eq!(
            limits(1, [(2, 3), (5, 6), (0, 0)]).allot([5, 5, 0]),
            [0, 1, 0]
        );
        assert_eq!(
            limits(4, [(2, 3), (5, 6), (0, 0)]).allot([9, 9, 0]),
            [1, 3, 0]
        );
        assert_eq!(
            limits(5, [(2, 3), (5, 6), (0, 0)]).allot([9, 9, 0]),
            [1, 4, 0]
        );
        assert_eq!(
            limits(1, [(0, 1), (3, 3), (0, 0)]).allot([5, 0, 0]),
            [1, 0, 0]
        );
    }

    #[test]
    fn a_lane_that_may_give_nothing_gives_nothing() {
        let probe = limits(1, [(1, 1), (0, 0), (0, 0)]);
        assert_eq!(probe.allot([0, 9, 9]), [0, 0, 0]);
        assert_eq!(ClaimLimits::default().allot([9, 9, 9]), [0, 0, 0]);
        assert_eq!(ClaimLimits::any(4).allot([9, 1, 1]), [2, 1, 1]);
    }
}
