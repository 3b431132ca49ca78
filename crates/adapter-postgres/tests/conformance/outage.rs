//! A server that is stopped, restarted or stalled, beside another one that is well.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::{PostgresOptions, Tuning};
use application::ports::{
    CommitError, Committed, EventContent, EventFeed as _, ListFilter, ListQuery, OrderReader as _,
    OrderWriter as _, StoreError,
};
use domain::{Cause, OrderCommand, Seq, ShardId};
use port_conformance::order_store::{sample, write_at};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::orders::{erasure, keyed, now, place, users, written};
use crate::own_server::OwnServer;
use crate::server::{PATIENCE, Process, QUICK_BACKOFF, fresh_shards, options};

async fn with_own_server() -> (OwnServer, Process, Vec<String>) {
    let server = OwnServer::start();
    let well = fresh_shards(1).await.remove(0);
    // A server that is away or stalled is given up as in production.
    let process = Process::start(PostgresOptions {
        connect_timeout: Duration::from_secs(3),
        tuning: Tuning {
            max_backoff: QUICK_BACKOFF,
            ..Tuning::default()
        },
        ..options(&[well, server.address().to_owned()])
    })
    .await
    .expect("both servers are there");
    let users = users(&process.store);
    (server, process, users)
}

fn is_written(answer: &Result<Committed, CommitError>) -> bool {
    matches!(answer, Ok(Committed::Written { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_shard_refuses_at_once_and_comes_back_by_itself() {
    let (server, process, users) = with_own_server().await;
    let store = &process.store;
    let patience = Duration::from_secs(20);
    let to_be_cancelled = keyed(&sample::plain(&users[1], 100), "a");
    let order = written(store, to_be_cancelled).await;
    let cancelled = order.apply(OrderCommand::Cancel, now(), Cause::default());
    let order = written(store, write_at(&order, cancelled.expect("it is PENDING"))).await;
    server.parts("stop", Some("immediate"));

    let start = Instant::now();
    // Sent just when the connection broke, this one may also be unsure.
    let (_, first) = place(store, &users[1], "b", patience).await;
    assert!(!is_written(&first), "{first:?}");
    for number in 0..20 {
        let (_, answer) = place(store, &users[1], &format!("b{number}"), patience).await;
        assert!(
            matches!(
                &answer,
                Err(CommitError::Store(StoreError::Unavailable {
                    shard: ShardId(1),
                    ..
                }))
            ),
            "{answer:?}"
        );
        let (_, answer) = place(store, &users[0], &format!("c{number}"), patience).await;
        assert!(is_written(&answer), "the other shard is well: {answer:?}");
    }
    let erased = store
        .erase(erasure(&order), Instant::now() + patience)
        .await;
    assert!(
        matches!(
            &erased,
            Err(CommitError::Store(StoreError::Unavailable {
                shard: ShardId(1),
                ..
            }))
        ),
        "{erased:?}"
    );
    // Each of the 20 would wait three seconds for a connection.
    assert!(
        start.elapsed() < Duration::from_secs(40),
        "refused at once, and the other shard is not slowed: {:?}",
        start.elapsed()
    );
    let query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 10,
        scan_limit: 100,
    };
    let listed = store.list(&query).await;
    assert!(
        matches!(
            &listed,
            Err(StoreError::Unavailable {
                shard: ShardId(1),
                ..
            })
        ),
        "{listed:?}"
    );

    server.parts("start", None);
    let back = Instant::now();
    while !is_written(&place(store, &users[1], "d", patience).await.1) {
        assert!(back.elapsed() < PATIENCE, "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.counts().await.unwrap().accepted(), 22);
    let erased = store
        .erase(erasure(&order), Instant::now() + patience)
        .await;
    assert!(erased.is_ok(), "{erased:?}");
    assert_eq!(store.counts().await.unwrap().accepted(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_nothing_that_was_confirmed() {
    let (server, process, users) = with_own_server().await;
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let store = Arc::clone(&process.store);
        let user = users[1].clone();
        callers.spawn(async move {
            let end = Instant::now() + Duration::from_secs(4);
            let (mut confirmed, mut unsure) = (Vec::new(), 0_u64);
            for order in 0.. {
                if Instant::now() > end {
                    break;
                }
                let key = format!("{caller}-{order}");
                let (id, answer) = place(&store, &user, &key, Duration::from_secs(5)).await;
                match answer {
                    Ok(Committed::Written { .. }) => confirmed.push(id),
                    Err(CommitError::Store(StoreError::Unknown { .. })) => unsure += 1,
                    Err(CommitError::Store(_)) => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    other => panic!("written or not: {other:?}"),
                }
            }
            (confirmed, unsure)
        });
    }
    for mode in ["immediate", "fast"] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.parts("stop", Some(mode));
        server.parts("start", None);
    }
    let (mut confirmed, mut unsure) = (Vec::new(), 0);
    while let Some(done) = callers.join_next().await {
        let (ids, unknown) = done.unwrap();
        confirmed.extend(ids);
        unsure += unknown;
    }
    assert!(confirmed.len() > 100, "too little was written to tell");
    for id in &confirmed {
        assert!(
            process.store.get(*id).await.unwrap().is_some(),
            "{id} was confirmed and is lost"
        );
    }
    let accepted = process.store.counts().await.unwrap().accepted();
    let (least, most) = (confirmed.len() as u64, confirmed.len() as u64 + unsure);
    assert!(
        (least..=most).contains(&accepted),
        "{accepted} orders of {least} confirmed and {unsure} unsure"
    );
    let head = process
        .store
        .events_after(ShardId(1), Seq(0), 1, EventContent::Events)
        .await
        .unwrap()
        .head;
    assert_eq!(head.seq, Seq(accepted), "one event per order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_shard_holds_no_caller_past_the_deadline() {
    let (server, process, users) = with_own_server().await;
    let store = &process.store;
    assert!(is_written(
        &place(store, &users[1], "a", Duration::from_secs(20))
            .await
            .1
    ));
    server.parts("pause", None);
    let start = Instant::now();
    let patience = Duration::from_millis(500);
    let mut stalled = JoinSet::new();
    for number in 0..10 {
        let (store, user) = (Arc::clone(store), users[1].clone());
        stalled.spawn(async move { place(&store, &user, &format!("b{number}"), patience).await });
    }
    let (_, answer) = place(store, &users[0], "c", Duration::from_secs(20)).await;
    assert!(is_written(&answer), "the other shard is well: {answer:?}");
    let mut unsure = 0;
    while let Some(done) = stalled.join_next().await {
        match done.unwrap().1 {
            Err(CommitError::Store(StoreError::Unknown { .. })) => unsure += 1,
            Err(CommitError::Store(StoreError::Expired | StoreError::Unavailable { .. })) => {}
            other => panic!("refused or unknown: {other:?}"),
        }
    }
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    server.parts("resume", None);
    let back = Instant::now();
    while !is_written(&place(store, &users[1], "d", Duration::from_secs(5)).await.1) {
        assert!(back.elapsed() < PATIENCE, "it does not come back");
    }
    let accepted = store.counts().await.unwrap().accepted();
    assert!(
        (3..=3 + unsure).contains(&accepted),
        "what expired never appears: {accepted} orders, {unsure} unsure"
    );
}
