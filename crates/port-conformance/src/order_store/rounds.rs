//! Rounds over the home buckets: the work of one user, however much of it is due, does not keep that of others waiting.
//!
//! The bound, for a lane in which `n` buckets have due work: whoever is not in the bucket that floods the lane is among the
//! next `n * PER_BUCKET` orders that the lane gives.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, PER_BUCKET};
use domain::{Lane, Order, OrderId};

use super::lane_stock::{
    GAP, claim_from_lane, claim_many, claim_within, ids, place_many, retry_all, users_of_one_shard,
};
use super::subject::Subject;
use super::{LONG, StoreFactory, sample};

/// Far more than a claim takes.
const FLOOD: u64 = 500;

fn holds(claimed: &[Arc<Order>], id: OrderId) -> bool {
    claimed.iter().any(|order| order.id == id)
}

/// 500 new orders of one user are due before one of another user, which is claimed among the first nevertheless; so is one
/// that comes while the flood is worked on.
pub async fn a_flood_of_fresh_orders_delays_no_other_user(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (shard, users) = users_of_one_shard(&subject, 3);
    place_many(&subject, &users[..1], FLOOD).await;
    subject.pass(GAP).await;
    let (other, _) = subject.place(&sample::plain(&users[1], 1)).await;
    let first = claim_from_lane(&subject, shard, Lane::Fresh, 2 * PER_BUCKET).await;
    assert_eq!(first.len(), 2 * PER_BUCKET, "all that was asked for");
    assert!(
        holds(&first, other.id),
        "an order of another user is among the first"
    );
    let (later, _) = subject.place(&sample::plain(&users[2], 1)).await;
    let mut next = Vec::new();
    for _ in 0..2 * PER_BUCKET {
        next.extend(claim_from_lane(&subject, shard, Lane::Fresh, 1).await);
    }
    assert!(
        holds(&next, later.id),
        "an order of another user that comes later is among the next"
    );
    let rest = subject.claim_all(LONG).await;
    let expected = usize::try_from(FLOOD).expect("it fits") + 2 - 4 * PER_BUCKET;
    assert_eq!(rest.len(), expected, "and none is left out");
}

/// The same with retries.
pub async fn a_flood_of_retries_delays_no_other_user(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (shard, users) = users_of_one_shard(&subject, 2);
    let other = claim_many(&subject, &users[1..], 1).await;
    let flood = claim_many(&subject, &users[..1], FLOOD).await;
    retry_all(&subject, &flood, Duration::ZERO).await;
    subject.pass(GAP).await;
    retry_all(&subject, &other, Duration::ZERO).await;
    let first = claim_from_lane(&subject, shard, Lane::Retries, 2 * PER_BUCKET).await;
    assert_eq!(first.len(), 2 * PER_BUCKET, "all that was asked for");
    assert!(
        holds(&first, other[0].id),
        "an order of another user is among the first"
    );
    let rest = subject.claim_all(LONG).await;
    assert_eq!(
        rest.len(),
        flood.len() + 1 - first.len(),
        "none is left out"
    );
}

/// The next process goes round, too.
pub async fn a_flood_delays_no_other_user_in_the_next_process(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (shard, users) = users_of_one_shard(&subject, 2);
    let other = claim_many(&subject, &users[1..], 1).await;
    let flood = claim_many(&subject, &users[..1], 100).await;
    retry_all(&subject, &flood, Duration::ZERO).await;
    place_many(&subject, &users[..1], 100).await;
    subject.pass(GAP).await;
    retry_all(&subject, &other, Duration::ZERO).await;
    let (fresh, _) = subject.place(&sample::plain(&users[1], 1)).await;
    let subject = subject.reopen().await;
    for (lane, id) in [(Lane::Fresh, fresh.id), (Lane::Retries, other[0].id)] {
        let first = claim_from_lane(&subject, shard, lane, 2 * PER_BUCKET).await;
        assert!(
            holds(&first, id),
            "an order of another user is among the first of lane {lane:?}"
        );
    }
    let rest = claim_within(&subject, shard, ClaimLimits::any(1_000)).await;
    assert_eq!(rest.len(), 202 - 4 * PER_BUCKET, "none is left out");
}

/// The round goes on from claim to claim, and each bucket gives its oldest due orders first.
pub async fn each_bucket_has_its_turn(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (shard, users) = users_of_one_shard(&subject, 5);
    let turns = users.len() * PER_BUCKET;
    let mut placed: Vec<Vec<OrderId>> = vec![Vec::new(); users.len()];
    for number in 0..2 * PER_BUCKET {
        for (user, of_user) in users.iter().zip(&mut placed) {
            let (order, _) = subject.place(&sample::plain(user, number as u64)).await;
            of_user.push(order.id);
            subject.pass(GAP).await;
        }
    }
    let mut claimed = Vec::new();
    for _ in 0..2 * turns {
        claimed.extend(claim_from_lane(&subject, shard, Lane::Fresh, 1).await);
    }
    assert_eq!(claimed.len(), 2 * turns, "each claim gives an order");
    let of_user = |name: &str, orders: &[Arc<Order>]| -> Vec<OrderId> {
        let of_user = orders.iter().filter(|order| order.user_id.as_str() == name);
        of_user.map(|order| order.id).collect()
    };
    for (user, placed) in users.iter().zip(placed) {
        assert!(
            !of_user(user, &claimed[..turns]).is_empty(),
            "each bucket has its turn within {turns} orders"
        );
        assert_eq!(
            of_user(user, &claimed),
            placed,
            "each bucket gives its oldest due orders first"
        );
    }
}

/// Buckets whose work is due later keep no other bucket waiting: a claim gives all that it may, and each bucket with due
/// work has its turn within as many claims as there are buckets.
pub async fn work_that_is_due_later_keeps_no_bucket_waiting(factory: &dyn StoreFactory) {
    const LATER: usize = 60;
    let subject = Subject::fresh(factory).await;
    let (shard, users) = users_of_one_shard(&subject, LATER + 2);
    let (due, later) = users.split_at(2);
    let later = claim_many(&subject, later, 1).await;
    retry_all(&subject, &later, LONG).await;
    let other = claim_many(&subject, &due[1..], 1).await;
    let flood = claim_many(&subject, &due[..1], 300).await;
    retry_all(&subject, &flood, Duration::ZERO).await;
    subject.pass(GAP).await;
    retry_all(&subject, &other, Duration::ZERO).await;
    let mut claims = 0;
    loop {
        claims += 1;
        let claimed = claim_from_lane(&subject, shard, Lane::Retries, PER_BUCKET).await;
        assert_eq!(claimed.len(), PER_BUCKET, "a claim gives all that it may");
        if holds(&claimed, other[0].id) {
            break;
        }
        assert!(
            claims < users.len(),
            "each bucket has its turn within as many claims as there are buckets"
        );
    }
    let rest = ids(&subject.claim_all(LONG).await);
    assert_eq!(rest.len(), flood.len() + 1 - claims * PER_BUCKET);
    assert!(
        rest.is_disjoint(&ids(&later)),
        "none is due before its time"
    );
}
