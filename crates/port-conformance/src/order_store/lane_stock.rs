//! Orders that wait in lanes, as the behaviours of lanes and rounds need them. It makes them and claims them; it checks
//! nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, LaneLimit};
use domain::{Bucket, Decision, Failure, Lane, Order, OrderId, ShardId};

use super::subject::{Subject, deadline, write_at, written};
use super::{LONG, sample};

/// Enough time between two steps for a store to tell which was first.
pub const GAP: Duration = Duration::from_millis(10);

/// Users whose orders are in one shard, each with a home bucket of its own.
///
/// # Panics
/// If the shards have fewer buckets than a suite needs.
#[must_use]
pub fn users_of_one_shard(subject: &Subject, count: usize) -> (ShardId, Vec<String>) {
    let shard = subject.shard_of(&sample::user("user-0"));
    let mut buckets = BTreeSet::new();
    let users: Vec<String> = (0..20_000)
        .map(|number| format!("user-{number}"))
        .filter(|name| {
            let bucket = Bucket::of(&sample::user(name));
            subject.store.shard_of(bucket) == shard && buckets.insert(bucket)
        })
        .take(count)
        .collect();
    assert_eq!(users.len(), count, "the shard has a bucket for each user");
    (shard, users)
}

/// The limits of a claim of `total` orders: share and most of each lane.
#[must_use]
pub fn limits(total: usize, lanes: [(usize, usize); Lane::ALL.len()]) -> ClaimLimits {
    ClaimLimits {
        total,
        lanes: lanes.map(|(share, most)| LaneLimit { share, most }),
    }
}

/// The limits of a claim of up to `total` orders of one lane.
#[must_use]
pub fn only(lane: Lane, total: usize) -> ClaimLimits {
    let mut lanes = [(0, 0); Lane::ALL.len()];
    lanes[lane.index()] = (total, total);
    limits(total, lanes)
}

/// Claims from one shard within limits.
pub async fn claim_within(
    subject: &Subject,
    shard: ShardId,
    limits: ClaimLimits,
) -> Vec<Arc<Order>> {
    let claimed = subject.store.claim(shard, limits, LONG).await;
    claimed.expect("a healthy store claims")
}

/// Claims orders of one lane, [`claim_within`] [`only`] it.
pub async fn claim_from_lane(
    subject: &Subject,
    shard: ShardId,
    lane: Lane,
    total: usize,
) -> Vec<Arc<Order>> {
    claim_within(subject, shard, only(lane, total)).await
}

/// Places `count` orders of each user, one user after the other.
pub async fn place_many(subject: &Subject, users: &[String], count: u64) -> Vec<Arc<Order>> {
    let mut writes = Vec::new();
    for user in users {
        writes
            .extend((0..count).map(|number| subject.new_write(&sample::plain(user, number), None)));
    }
    let orders = writes.iter().map(|write| Arc::clone(&write.decision.order));
    let orders: Vec<Arc<Order>> = orders.collect();
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "a new order");
    }
    orders
}

/// As [`place_many`], and claims them; there must be no other work.
///
/// # Panics
/// If other orders are claimed.
pub async fn claim_many(subject: &Subject, users: &[String], count: u64) -> Vec<Arc<Order>> {
    let placed = ids(&place_many(subject, users, count).await);
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(ids(&claimed), placed, "what was placed is claimed");
    claimed
}

/// Commits a decision about each of these claimed orders.
pub async fn advance_all(
    subject: &Subject,
    claimed: &[Arc<Order>],
    decide: impl Fn(&Order) -> Decision,
) -> Vec<Arc<Order>> {
    let writes: Vec<_> = claimed
        .iter()
        .map(|order| write_at(order, decide(order)))
        .collect();
    let orders = writes.iter().map(|write| Arc::clone(&write.decision.order));
    let orders: Vec<Arc<Order>> = orders.collect();
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "the outcome of a claimed order");
    }
    orders
}

/// Sends all these claimed orders back, due in `delay`.
pub async fn retry_all(
    subject: &Subject,
    claimed: &[Arc<Order>],
    delay: Duration,
) -> Vec<Arc<Order>> {
    let now = subject.now();
    advance_all(subject, claimed, |order| {
        let failure = Failure::new("timeout", "said the test");
        order
            .retry(failure, delay, now)
            .expect("a claimed order can be retried")
    })
    .await
}

/// Records that the work of all these claimed orders is done and that their receipts are missing, due in `delay`.
pub async fn await_receipts(
    subject: &Subject,
    claimed: &[Arc<Order>],
    delay: Duration,
) -> Vec<Arc<Order>> {
    let now = subject.now();
    advance_all(subject, claimed, |order| {
        let failure = Failure::new("receipt_store", "said the test");
        let result = Some(Arc::from(r#"{"number":7}"#));
        order
            .await_receipt(result, failure, delay, now)
            .expect("the receipt of a claimed order can be missing")
    })
    .await
}

/// The ids of orders.
#[must_use]
pub fn ids(orders: &[Arc<Order>]) -> BTreeSet<OrderId> {
    orders.iter().map(|order| order.id).collect()
}

/// Orders that are due, of each lane.
pub struct Stock {
    /// The shard of all of them.
    pub shard: ShardId,
    lanes: [BTreeSet<OrderId>; Lane::ALL.len()],
}

impl Stock {
    /// `count` orders of each of four users in every lane; there must be no other work.
    pub async fn due(subject: &Subject, count: u64) -> Self {
        let (shard, users) = users_of_one_shard(subject, 4);
        let claimed = claim_many(subject, &users, count * 2).await;
        let (to_retry, done) = claimed.split_at(claimed.len() / 2);
        let retries = retry_all(subject, to_retry, Duration::ZERO).await;
        let receipts = await_receipts(subject, done, Duration::ZERO).await;
        let fresh = place_many(subject, &users, count).await;
        Self {
            shard,
            lanes: [ids(&fresh), ids(&retries), ids(&receipts)],
        }
    }

    /// How many of these orders were in each lane.
    #[must_use]
    pub fn count(&self, orders: &[Arc<Order>]) -> [usize; Lane::ALL.len()] {
        let ids = ids(orders);
        Lane::ALL.map(|lane| self.lanes[lane.index()].intersection(&ids).count())
    }
}
