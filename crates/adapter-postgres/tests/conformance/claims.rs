//! Claims: how the server shares them between the lanes and the home buckets.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresStore;
use application::ports::{ClaimLimits, LaneLimit, OrderWriter as _, WorkQueue as _, Write};
use domain::{Bucket, Decision, Failure, Lane, Order, OrderId, PlaceOrder, ShardId};
use port_conformance::order_store::{deadline, sample, write_at};
use tokio::task::JoinSet;

use crate::orders::{keyed, now};
use crate::server::{Process, fresh_shards};

const SHARD: ShardId = ShardId(0);
const LEASE: Duration = Duration::from_secs(3_600);

/// Users with different home buckets.
fn users() -> impl Iterator<Item = String> {
    let mut buckets = HashSet::new();
    (0..)
        .map(|number| format!("user-{number}"))
        .filter(move |user| buckets.insert(Bucket::of(&sample::user(user))))
}

async fn write_all(store: &PostgresStore, writes: Vec<Write>) {
    for answer in store.commit(writes, deadline()).await {
        answer.unwrap();
    }
}

/// Places these orders; returns their ids. Those of one user have different amounts.
async fn place_all(
    store: &PostgresStore,
    commands: impl IntoIterator<Item = PlaceOrder>,
) -> BTreeSet<OrderId> {
    let commands = commands.into_iter();
    let writes: Vec<Write> = commands
        .map(|command| keyed(&command, &command.amount.minor().to_string()))
        .collect();
    let ids = ids_of(writes.iter().map(|write| &write.decision.order));
    write_all(store, writes).await;
    ids
}

fn ids_of<'a>(orders: impl IntoIterator<Item = &'a Arc<Order>>) -> BTreeSet<OrderId> {
    orders.into_iter().map(|order| order.id).collect()
}

async fn advance_all(
    store: &PostgresStore,
    claimed: &[Arc<Order>],
    decide: impl Fn(&Order) -> Decision,
) {
    let writes = claimed.iter().map(|order| write_at(order, decide(order)));
    write_all(store, writes.collect()).await;
}

async fn claim(store: &PostgresStore, limits: ClaimLimits) -> Vec<Arc<Order>> {
    store.claim(SHARD, limits, LEASE).await.unwrap()
}

/// This many due orders of each lane, of a few users; returns the lane of each order.
async fn stock(store: &PostgresStore, count: [usize; 3]) -> HashMap<OrderId, Lane> {
    let few: Vec<String> = users().take(7).collect();
    let commands = |prefix: u64, count: usize| {
        let users = few.iter().cycle().take(count).enumerate();
        users.map(move |(number, user)| sample::plain(user, prefix + number as u64))
    };
    let failure = |code| Failure::new(code, "said the test");
    let [fresh, retries, receipts] = count;
    place_all(store, commands(1_000, retries + receipts)).await;
    let claimed = claim(store, ClaimLimits::any(1_000)).await;
    let (to_retry, done) = claimed.split_at(retries);
    advance_all(store, to_retry, |order| {
        order
            .retry(failure("timeout"), Duration::ZERO, now())
            .unwrap()
    })
    .await;
    advance_all(store, done, |order| {
        let missing = failure("receipt_store");
        order
            .await_receipt(None, missing, Duration::ZERO, now())
            .unwrap()
    })
    .await;
    let fresh = place_all(store, commands(5_000, fresh)).await;
    let lanes = fresh.into_iter().map(|id| (id, Lane::Fresh));
    let lanes = lanes.chain(to_retry.iter().map(|order| (order.id, Lane::Retries)));
    lanes
        .chain(done.iter().map(|order| (order.id, Lane::Receipts)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_shares_a_claim_between_the_lanes_as_the_port_says() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let mut due = [120, 90, 60];
    let lane_of = stock(&process.store, due).await;
    // Numbers without a pattern, the same in each run.
    let mut seed: u32 = 7;
    let mut below = |bound: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(seed) * u64::from(bound)) >> 32) as usize
    };
    let mut claims = 0;
    while due != [0; 3] {
        let lane = |below: &mut dyn FnMut(u32) -> usize| LaneLimit {
            share: below(5),
            most: below(8),
        };
        let limits = ClaimLimits {
            total: below(12),
            lanes: [lane(&mut below), lane(&mut below), lane(&mut below)],
        };
        let claimed = claim(&process.store, limits).await;
        let mut taken = [0; 3];
        for order in &claimed {
            taken[lane_of[&order.id].index()] += 1;
        }
        assert_eq!(taken, limits.allot(due), "{limits:?} of {due:?}");
        for (due, taken) in due.iter_mut().zip(taken) {
            *due -= taken;
        }
        claims += 1;
        assert!(claims < 1_000, "the claims come to an end: {due:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_behind_hundreds_without_due_work_has_its_turn_within_a_few_claims() {
    const LATER: usize = 400;
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = &process.store;
    let users: Vec<String> = users().take(LATER + 2).collect();
    let (due, later) = users.split_at(2);
    let tomorrow = now().saturating_add(Duration::from_secs(86_400));
    let later = later.iter().map(|user| sample::later(user, 1, tomorrow));
    place_all(store, later).await;
    let flood = (0..300).map(|number| sample::plain(&due[0], number));
    let flood = place_all(store, flood).await;
    let other = place_all(store, [sample::plain(&due[1], 1)]).await;
    let mut claimed = BTreeSet::new();
    for claims in 1.. {
        let orders = claim(store, ClaimLimits::any(2)).await;
        assert_eq!(orders.len(), 2, "a claim gives all that it may");
        claimed.extend(ids_of(&orders));
        if claimed.is_superset(&other) {
            break;
        }
        // Each claim visits 128 of the 402 buckets.
        assert!(claims < 5, "each bucket has its turn within a few claims");
    }
    claimed.extend(ids_of(&claim(store, ClaimLimits::any(1_000)).await));
    assert_eq!(claimed, flood.union(&other).copied().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_flood_a_lane_share_each_claim() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = &process.store;
    let floods: Vec<String> = users().take(3).collect();
    for user in &floods {
        let flood = (0..100).map(|number| sample::plain(user, number));
        place_all(store, flood).await;
    }
    let mut in_all: HashMap<String, usize> = HashMap::new();
    for _ in 0..3 {
        let mut claimed: HashMap<String, usize> = HashMap::new();
        for order in claim(store, ClaimLimits::any(16)).await {
            *claimed.entry(order.user_id.to_string()).or_default() += 1;
        }
        let mut counts: Vec<usize> = claimed.values().copied().collect();
        counts.sort_unstable();
        assert_eq!(counts, [4, 6, 6], "two at each turn, round and round");
        for (user, count) in claimed {
            *in_all.entry(user).or_default() += count;
        }
    }
    for user in &floods {
        assert_eq!(
            in_all[user], 16,
            "the next claim goes on with the next turn"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_claim_is_filled_with_the_oldest_due_orders_of_the_lane() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = &process.store;
    let users: Vec<String> = users().take(2).collect();
    let mut placed = Vec::new();
    for user in &users {
        placed.push(place_all(store, (0..150).map(|number| sample::plain(user, number))).await);
    }
    // More than the buckets give at their turns.
    let orders = claim(store, ClaimLimits::any(200)).await;
    let claimed = ids_of(&orders);
    assert_eq!(
        (orders.len(), claimed.len()),
        (200, 200),
        "none of them twice"
    );
    let of_first = claimed.intersection(&placed[0]).count();
    assert_eq!(of_first, 136, "64 at its turns, and the oldest of the rest");
    let all: BTreeSet<OrderId> = placed.into_iter().flatten().collect();
    let rest = ids_of(&claim(store, ClaimLimits::any(1_000)).await);
    assert_eq!(rest, all.difference(&claimed).copied().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_work_on_one_flood_get_all_they_ask_for_and_nothing_twice() {
    let shards = fresh_shards(1).await;
    let processes = [Process::on(&shards).await, Process::on(&shards).await];
    let store = &processes[0].store;
    let flood = (0..960).map(|number| sample::plain("alice", number));
    let flood = place_all(store, flood).await;
    let mut workers = JoinSet::new();
    for process in &processes {
        let store = Arc::clone(&process.store);
        workers.spawn(async move {
            let mut claimed = Vec::new();
            for _ in 0..30 {
                let orders = claim(&store, ClaimLimits::any(16)).await;
                assert_eq!(orders.len(), 16, "the other one keeps nothing from it");
                claimed.extend(orders);
            }
            claimed
        });
    }
    let claimed = workers.join_all().await.concat();
    assert_eq!(claimed.len(), flood.len());
    assert_eq!(ids_of(&claimed), flood);
}
