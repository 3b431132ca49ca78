//! The epoch of the shard map: a commit under an older one is refused with nothing written, and so is one of a bucket that the
//! shard does not own; the process reads the map again and goes on by itself.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adapter_postgres::ConnectError;
use application::ports::{
    ClaimLimits, CommitError, Committed, EventContent, EventFeed as _, OrderReader as _,
    OrderWriter as _, StoreError, WorkQueue as _,
};
use domain::{Bucket, Seq, ShardId};
use port_conformance::order_store::{LONG, deadline, sample};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::erasure::placed_and_cancelled;
use crate::orders::{erasure, place};
use crate::server::{Beside, PATIENCE, Process, fresh_shards, options};

const SHARD: ShardId = ShardId(0);
const NEXT_EPOCH: &str = "UPDATE shard SET map_epoch = map_epoch + 1";

fn moved(epoch: u64) -> StoreError {
    StoreError::Moved {
        shard: SHARD,
        epoch,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_under_an_older_epoch_is_refused_and_the_next_one_is_under_the_new_epoch() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = &process.store;
    let beside = Beside::to(&shards[0]).await;
    let cancelled = placed_and_cancelled(store, &sample::plain("alice", 1), "cancelled").await;

    beside.run(NEXT_EPOCH).await;
    let (id, answer) = place(store, "alice", "k", PATIENCE).await;
    assert_eq!(answer, Err(CommitError::Store(moved(1))));
    assert_eq!(store.get(id).await, Ok(None));
    let (id, answer) = place(store, "alice", "k", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );

    beside.run(NEXT_EPOCH).await;
    let claimed = store.claim(SHARD, ClaimLimits::any(1), LONG).await;
    assert_eq!(claimed, Err(moved(2)));
    let claimed = store.claim(SHARD, ClaimLimits::any(1), LONG).await.unwrap();
    assert_eq!(claimed[0].id, id);

    beside.run(NEXT_EPOCH).await;
    let refused = store.erase(erasure(&cancelled), deadline()).await;
    assert_eq!(refused, Err(CommitError::Store(moved(3))));
    assert!(store.get(cancelled.id).await.unwrap().is_some());
    store.erase(erasure(&cancelled), deadline()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_while_the_map_is_changed_is_refused() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let beside = Beside::to(&shards[0]).await;
    let watching = Beside::to(&shards[0]).await;
    beside.run(&format!("BEGIN; {NEXT_EPOCH}")).await;
    let store = Arc::clone(&process.store);
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { place(&store, "alice", "k", PATIENCE).await });
    let waits = async {
        let blocked = "SELECT count(*) FROM pg_stat_activity \
                       WHERE pg_blocking_pids(pid) && ARRAY[$1::int]";
        let changer: i32 = beside
            .client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        while watching
            .client
            .query_one(blocked, &[&changer])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits)
        .await
        .expect("the commit waits for the lock");
    beside.run("COMMIT").await;
    let (id, answer) = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(answer, Err(CommitError::Store(moved(1))));
    assert_eq!(process.store.get(id).await, Ok(None));
    let page = process
        .store
        .events_after(SHARD, Seq(0), 10, EventContent::Events)
        .await;
    assert_eq!(page.unwrap().head.seq, Seq(0));
}

/// Places an order until it is written; how often its commit was refused because the map had changed.
async fn place_until_written(process: &Process, key: &str) -> usize {
    let mut refusals = 0;
    loop {
        match place(&process.store, "alice", key, PATIENCE).await.1 {
            Ok(Committed::Written { .. }) => return refusals,
            Err(CommitError::Store(StoreError::Moved { .. })) => refusals += 1,
            other => panic!("an order is written or refused because of the map: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_is_lost_or_doubled_while_the_epoch_changes_under_several_writers() {
    const ORDERS: usize = 60;
    let shards = fresh_shards(1).await;
    let processes = [(); 2].map(|()| Process::on(&shards));
    let processes = futures_util::future::join_all(processes).await;
    let processes: Vec<Arc<Process>> = processes.into_iter().map(Arc::new).collect();
    let mut callers = JoinSet::new();
    for (number, process) in processes.iter().enumerate() {
        for caller in 0..6 {
            let process = Arc::clone(process);
            callers.spawn(async move {
                let mut refusals = 0;
                for order in 0..ORDERS {
                    let key = format!("{number}-{caller}-{order}");
                    refusals += place_until_written(&process, &key).await;
                }
                refusals
            });
        }
    }
    let is_done = Arc::new(AtomicBool::new(false));
    let mut changes = JoinSet::new();
    let (ended, beside) = (Arc::clone(&is_done), Beside::to(&shards[0]).await);
    changes.spawn(async move {
        while !ended.load(Ordering::SeqCst) {
            beside.run(NEXT_EPOCH).await;
            sleep(Duration::from_millis(20)).await;
        }
    });
    let mut refusals = 0;
    while let Some(ended) = callers.join_next().await {
        refusals += ended.unwrap();
    }
    is_done.store(true, Ordering::SeqCst);
    changes.join_next().await.unwrap().unwrap();
    assert!(
        refusals > 0,
        "no commit met a new epoch: nothing was tested"
    );
    let all = 2 * 6 * ORDERS;
    let store = &processes[0].store;
    let page = store.events_after(SHARD, Seq(0), 2 * all, EventContent::Events);
    let events = page.await.unwrap().events;
    let orders: std::collections::HashSet<_> =
        events.iter().map(|found| found.event.order_id).collect();
    assert_eq!((events.len(), orders.len()), (all, all));
    assert_eq!(store.counts().await.unwrap().accepted(), all as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_a_bucket_that_the_shard_does_not_own_is_refused() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = &process.store;
    let beside = Beside::to(&shards[0]).await;
    let bucket = Bucket::of(&sample::user("alice")).get();
    let set = |bit| format!("UPDATE owned_buckets SET buckets = set_bit(buckets, {bucket}, {bit})");
    // From here on the writer is connected and knows the map.
    let (_, answer) = place(store, "nobody", "before", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    beside.run(&set(0)).await;
    let (_, answer) = place(store, "nobody", "k", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    let (id, answer) = place(store, "alice", "k", PATIENCE).await;
    assert_eq!(answer, Err(CommitError::Store(moved(1))));
    assert_eq!(store.get(id).await, Ok(None));

    // The list is not the one of the map: nothing is written, and nothing starts, until it is mended.
    let (_, answer) = place(store, "nobody", "k2", PATIENCE).await;
    assert!(
        matches!(&answer, Err(CommitError::Store(StoreError::Unavailable { reason, .. })) if reason.contains("owned_buckets")),
        "{answer:?}"
    );
    let refused = Process::start(options(&shards)).await.err();
    assert!(
        matches!(refused, Some(ConnectError::WrongBuckets { shard: SHARD })),
        "{refused:?}"
    );
    beside.run(&set(1)).await;
    let mended = async {
        while place(store, "alice", "k", PATIENCE).await.1.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, mended)
        .await
        .expect("the shard goes on by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_the_epochs_is_brought_up_to_date_with_its_orders() {
    let shards = fresh_shards(2).await;
    let process = Process::on(&shards).await;
    let user = crate::orders::users(&process.store).remove(0);
    let (id, answer) = place(&process.store, &user, "k", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    process.close().await;
    for shard in &shards {
        let beside = Beside::to(shard).await;
        beside
            .run(
                "DROP TABLE owned_buckets; DROP FUNCTION refuse_moved(); \
                 ALTER TABLE shard DROP COLUMN map_epoch; \
                 DELETE FROM refinery_schema_history WHERE version = 2",
            )
            .await;
    }
    let process = Process::on(&shards).await;
    assert!(process.store.get(id).await.unwrap().is_some());
    let (_, answer) = place(&process.store, &user, "k2", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    let mut owned = 0;
    for shard in &shards {
        let beside = Beside::to(shard).await;
        let row = beside
            .client
            .query_one(
                "SELECT bit_count(buckets), map_epoch FROM owned_buckets, shard",
                &[],
            )
            .await
            .unwrap();
        owned += row.get::<_, i64>(0);
        assert_eq!(row.get::<_, i64>(1), 1);
    }
    assert_eq!(owned, i64::from(Bucket::COUNT));
}
