//! Several processes on the same shards.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Committed, EventContent, EventFeed as _, OrderReader as _, OrderWriter as _, Write,
};
use domain::{Seq, ShardId};
use port_conformance::order_store::{deadline, sample};
use tokio::task::JoinSet;

use crate::orders::{keyed, place};
use crate::server::{Beside, Process, fresh_shards};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_follows_several_writers_without_a_gap() {
    let shards = fresh_shards(1).await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Process::on(&shards).await);
    }
    let mut writers = JoinSet::new();
    for (number, process) in processes.iter().enumerate() {
        for caller in 0..8 {
            let store = Arc::clone(&process.store);
            writers.spawn(async move {
                for order in 0..25 {
                    let key = format!("{number}-{caller}-{order}");
                    let (_, answer) = place(&store, "alice", &key, Duration::from_secs(60)).await;
                    assert!(
                        matches!(answer, Ok(Committed::Written { .. })),
                        "{answer:?}"
                    );
                }
            });
        }
    }
    let reader = Process::on(&shards).await;
    let mut seen = Seq(0);
    let mut ids = HashSet::new();
    while seen < Seq(600) {
        let page = reader
            .store
            .events_after(ShardId(0), seen, 50, EventContent::Events)
            .await
            .unwrap();
        for found in page.events {
            assert_eq!(
                found.seq,
                Seq(seen.0 + 1),
                "an event appeared behind the reader, or is missing"
            );
            seen = found.seq;
            assert!(ids.insert(found.event.order_id));
        }
    }
    while let Some(result) = writers.join_next().await {
        result.unwrap();
    }
    assert_eq!(ids.len(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_bind_the_same_keys_crosswise_both_get_answers() {
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    let write = |number: u32| {
        let command = sample::plain("alice", number.into());
        keyed(&command, &format!("crosswise-{number}"))
    };
    for round in 0..5 {
        let upwards: Vec<Write> = (0..40).map(|number| write(round * 100 + number)).collect();
        let downwards: Vec<Write> = (0..40)
            .rev()
            .map(|number| write(round * 100 + number))
            .collect();
        let (first, second) = tokio::join!(
            one.store.commit(upwards, deadline()),
            other.store.commit(downwards, deadline())
        );
        let mut written = 0;
        for answer in first.into_iter().chain(second) {
            match answer {
                Ok(Committed::Written { .. }) => written += 1,
                Ok(Committed::Replayed(_)) => {}
                other => panic!("written or replayed: {other:?}"),
            }
        }
        assert_eq!(written, 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_lose_nothing_that_was_confirmed() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let store = Arc::clone(&process.store);
        callers.spawn(async move {
            let mut outcomes = Vec::new();
            for order in 0..120 {
                let key = format!("{caller}-{order}");
                // As a client does: the same request again, with its key, until there is an answer.
                loop {
                    let (id, answer) = place(&store, "alice", &key, Duration::from_secs(30)).await;
                    match answer {
                        Ok(Committed::Written { .. }) => outcomes.push(id),
                        Ok(Committed::Replayed(order)) => outcomes.push(order.id),
                        _ => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            continue;
                        }
                    }
                    break;
                }
            }
            outcomes
        });
    }
    let beside = Beside::to(&shards[0]).await;
    let mut cuts = 0;
    while !callers.is_empty() && cuts < 20 {
        let cut = beside
            .client
            .execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l \
                 WHERE l.relation = 'shard'::regclass AND l.pid <> pg_backend_pid()",
                &[],
            )
            .await
            .unwrap();
        cuts += u32::from(cut > 0);
        // A lock is held for a moment only: look often until one is met, then let the store come back.
        let pause = if cut > 0 { 20 } else { 1 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        while callers.try_join_next().is_some_and(|done| {
            assert_eq!(done.unwrap().len(), 120);
            true
        }) {}
    }
    while let Some(done) = callers.join_next().await {
        assert_eq!(done.unwrap().len(), 120);
    }
    assert!(cuts > 0, "no connection was cut: nothing was tested");
    assert_eq!(process.store.counts().await.unwrap().accepted(), 16 * 120);
    let page = process
        .store
        .events_after(ShardId(0), Seq(0), 2000, EventContent::Events)
        .await
        .unwrap();
    let orders: HashSet<_> = page
        .events
        .iter()
        .map(|found| found.event.order_id)
        .collect();
    assert_eq!((page.head.seq, orders.len()), (Seq(16 * 120), 16 * 120));
}
