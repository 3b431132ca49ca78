//! A row that cannot be read, for example because it was changed by hand: it stops the work on its own order alone.

use std::time::Duration;

use application::ports::{
    ClaimLimits, Committed, OrderReader as _, RescuePolicy, StoreError, WorkQueue as _,
};
use domain::{OrderId, ShardId};

use crate::orders::place;
use crate::server::{Beside, Process, fresh_shards};

const SHARD: ShardId = ShardId(0);
const LEASE: Duration = Duration::from_secs(60);

async fn placed(process: &Process, key: &str) -> OrderId {
    let (id, answer) = place(&process.store, "alice", key, Duration::from_secs(30)).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    id
}

/// Makes the order's lines unreadable.
async fn spoil(shard: &str, id: OrderId) {
    let beside = Beside::to(shard).await;
    beside
        .run(&format!(
            "UPDATE orders SET lines = '[{{\"quantity\":-1}}]' WHERE id = '{id}'"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_order_is_put_off_and_the_others_are_worked_on() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let first = placed(&process, "first").await;
    let second = placed(&process, "second").await;
    spoil(&shards[0], first).await;

    let claimed = process.store.claim(SHARD, ClaimLimits::any(1), LEASE).await;
    assert_eq!(claimed, Ok(Vec::new()), "the only one that was looked at");
    let claimed = process
        .store
        .claim(SHARD, ClaimLimits::any(10), LEASE)
        .await
        .unwrap();
    let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(ids, [second]);
    // It waits, and reading it fails with the reason.
    let due = process.store.next_due(SHARD).await.unwrap();
    let due = due.any_lane().unwrap();
    assert!(due > Duration::from_secs(300), "{due:?}");
    assert!(matches!(
        process.store.get(first).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert_eq!(process.store.counts().await.unwrap().accepted(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_order_with_a_lost_lease_holds_up_no_rescue() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let first = placed(&process, "first").await;
    let second = placed(&process, "second").await;
    let claimed = process
        .store
        .claim(SHARD, ClaimLimits::any(10), Duration::from_millis(1))
        .await;
    assert_eq!(claimed.unwrap().len(), 2);
    spoil(&shards[0], first).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let policy = RescuePolicy {
        max_attempts: 3,
        delay: Duration::ZERO,
    };
    let rescued = process.store.rescue(SHARD, policy, 10).await.unwrap();
    let ids: Vec<OrderId> = rescued.iter().map(|order| order.id).collect();
    assert_eq!(ids, [second]);
    assert_eq!(
        process.store.rescue(SHARD, policy, 10).await,
        Ok(Vec::new())
    );
}
