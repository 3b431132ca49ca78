//! Erasing orders beside other writers and in the tables themselves: what the port's suite cannot see.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresStore;
use application::ports::{
    ClaimLimits, CommitError, Committed, EventContent, EventFeed as _, OrderReader as _,
    OrderWriter as _, StoreError, WorkQueue as _, Write,
};
use domain::{
    Cause, Decision, EventPosition, EventType, Order, OrderCommand, OrderId, PlaceOrder, Seq,
    ShardId, Status,
};
use port_conformance::order_store::{deadline, sample, write_at};
use tokio::task::JoinSet;

use crate::orders::{erasure, keyed, now, unkeyed, written};
use crate::server::{Beside, PATIENCE, Process, fresh_shards};

const SHARD: ShardId = ShardId(0);

fn cancelled(order: &Order) -> Decision {
    order
        .apply(OrderCommand::Cancel, now(), sample::cause())
        .unwrap()
}

/// An order that can be erased: placed, then cancelled with a cause.
async fn placed_and_cancelled(
    store: &PostgresStore,
    command: &PlaceOrder,
    key: &str,
) -> Arc<Order> {
    let placed = written(store, keyed(command, key)).await;
    written(store, write_at(&placed, cancelled(&placed))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn erasures_of_several_processes_leave_no_gap_beside_other_writers() {
    const ORDERS: usize = 40;
    let shards = fresh_shards(1).await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Process::on(&shards).await);
    }
    let mut writers = JoinSet::new();
    for (number, process) in processes.iter().enumerate() {
        for caller in 0..4 {
            // Placed by one process, erased by the next.
            let store = Arc::clone(&process.store);
            let eraser = Arc::clone(&processes[(number + 1) % 3].store);
            writers.spawn(async move {
                let mut positions = Vec::new();
                for index in 0..ORDERS {
                    let name = format!("{number}-{caller}-{index}");
                    let command = sample::numbered("alice", 1, &name);
                    let order = placed_and_cancelled(&store, &command, &name).await;
                    if index % 2 == 0 {
                        let erased = eraser.erase(erasure(&order), deadline()).await;
                        positions.push((order.id, erased.unwrap()));
                    }
                }
                positions
            });
        }
    }
    let all = 12 * (2 * ORDERS + ORDERS / 2);
    let reader = Process::on(&shards).await;
    let mut last = EventPosition::default();
    while last.seq < Seq(all as u64) {
        let page = reader
            .store
            .events_after(SHARD, last.seq, 64, EventContent::Events)
            .await;
        let page = page.unwrap();
        for found in page.events {
            assert_eq!(found.seq, Seq(last.seq.0 + 1), "a gap, or a late event");
            last = found.position();
        }
    }
    let mut erased = HashMap::new();
    while let Some(positions) = writers.join_next().await {
        erased.extend(positions.unwrap());
    }

    let page = reader
        .store
        .events_after(SHARD, Seq(0), all + 1, EventContent::Events)
        .await;
    let page = page.unwrap();
    assert_eq!((page.events.len(), page.head), (all, last));
    for found in &page.events {
        let event = &found.event;
        let position = erased.get(&event.order_id);
        assert_eq!(event.is_tombstone(), position.is_some(), "{event:?}");
        let is_last = event.event_type == EventType::Erased;
        assert_eq!(position == Some(&found.position()), is_last);
    }
    let counts = reader.store.counts().await.unwrap();
    let half = (12 * ORDERS / 2) as u64;
    assert_eq!(counts.get(Status::Cancelled), half);
    assert_eq!((counts.accepted(), counts.erased), (half, half));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_two_processes_change_and_erase_at_once_is_one_of_the_two() {
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    let mut outcomes = [0_u64, 0];
    for round in 0..30 {
        let command = sample::plain("alice", round);
        let placed = written(&one.store, keyed(&command, &format!("k{round}"))).await;
        let claimed = one
            .store
            .claim(SHARD, ClaimLimits::any(1), PATIENCE)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(claimed.id, placed.id);
        let failure = domain::Failure::new("handler_rejected", "no");
        let failed = write_at(&claimed, claimed.fail(failure, now()).unwrap());
        let failed = written(&one.store, failed).await;
        let replayed = failed.apply(OrderCommand::Replay, now(), Cause::default());
        let replay = write_at(&failed, replayed.unwrap());
        let (replayed, erased) = tokio::join!(
            one.store.commit(vec![replay], deadline()),
            other.store.erase(erasure(&failed), deadline()),
        );
        let stored = other.store.get(failed.id).await.unwrap();
        match (&replayed[0], erased) {
            (Ok(Committed::Written { .. }), Err(CommitError::Stale)) => {
                assert_eq!(stored.map(|order| order.status), Some(Status::Pending));
                outcomes[0] += 1;
                // Out of the way of the next claim.
                let pending = one.store.get(failed.id).await.unwrap().unwrap();
                written(&one.store, write_at(&pending, cancelled(&pending))).await;
            }
            (Err(CommitError::Stale), Ok(_)) => {
                assert_eq!(stored, None);
                outcomes[1] += 1;
            }
            other => panic!("one of the two: {other:?}"),
        }
    }
    assert_eq!(outcomes.iter().sum::<u64>(), 30);
    let counts = one.store.counts().await.unwrap();
    assert_eq!(counts.erased, outcomes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_of_an_erased_order_is_in_the_tables() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let command = sample::full("very-personal-user", "very-personal-number");
    let placed = keyed(&command, "very-personal-key");
    let caused = Write {
        decision: Decision {
            event: domain::Event {
                cause: sample::cause(),
                ..placed.decision.event.clone()
            },
            ..placed.decision
        },
        ..placed
    };
    let placed = written(&process.store, caused).await;
    let order = written(&process.store, write_at(&placed, cancelled(&placed))).await;
    let neighbour = written(&process.store, keyed(&sample::plain("bob", 1), "k")).await;
    let position = process.store.erase(erasure(&order), deadline()).await;
    assert_eq!(position.unwrap().seq, Seq(4));

    let beside = Beside::to(&shards[0]).await;
    let query = "SELECT row_to_json(e)::text FROM events e WHERE order_id = $1 ORDER BY seq";
    let rows = beside.client.query(query, &[&order.id.as_uuid()]).await;
    let rows: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(rows.len(), 3);
    for row in rows {
        for personal in [
            "user_id",
            "failure_code",
            "failure_message",
            "retry_at",
            "request_id",
            "trace_id",
            "span_id",
            "actor",
            "reason",
        ] {
            assert!(row.contains(&format!("\"{personal}\":null")), "{row}");
        }
        assert!(!row.contains("personal"), "{row}");
    }
    let count = "SELECT count(*) FROM orders";
    let count: i64 = beside.client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
    let stored = process.store.get(neighbour.id).await;
    assert_eq!(stored, Ok(Some(neighbour)), "the neighbour is untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_was_erased_is_not_taken_again() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let command = sample::numbered("alice", 1, "A-1");
    let order = placed_and_cancelled(&process.store, &command, "k").await;
    process
        .store
        .erase(erasure(&order), deadline())
        .await
        .unwrap();
    let again = Order::place(
        command.clone(),
        order.id,
        order.created_at,
        Cause::default(),
        domain::ReceiptLocation::Rendered,
    );
    let writes = vec![
        keyed(&sample::plain("alice", 2), "before"),
        unkeyed(again, &command),
        keyed(&sample::plain("alice", 3), "after"),
    ];
    let answers = process.store.commit(writes, deadline()).await;
    let refused = Err(CommitError::Refused(
        "an order with this id exists, or existed and was erased".to_owned(),
    ));
    assert_eq!(answers[1], refused);
    for neighbour in [0, 2] {
        assert!(matches!(answers[neighbour], Ok(Committed::Written { .. })));
    }
    assert_eq!(process.store.get(order.id).await, Ok(None));
}

/// Waits until a session waits for a lock of the session `by`.
async fn wait_until_blocked(beside: &Beside, by: i32) {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
    let blocked = async {
        loop {
            let row = beside.client.query_one(query, &[&by]).await.unwrap();
            if row.get::<_, i64>(0) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, blocked).await.unwrap();
}

/// The order that had the external id is erased after the new order met it and before it is looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_an_erasure_frees_in_the_middle_of_a_commit_is_taken() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let store = Arc::clone(&process.store);
    let holder = placed_and_cancelled(&store, &sample::numbered("alice", 1, "A-1"), "k1").await;
    // A conflict first: the next transactions go the longer way, in two round trips.
    let replay = store.commit(
        vec![keyed(&sample::numbered("alice", 1, "A-1"), "k1")],
        deadline(),
    );
    assert!(matches!(replay.await[0], Ok(Committed::Replayed(_))));

    // Another writer is about to bind the key "slow" and makes the commit wait after it has met the holder.
    let (blocking, beside) = (Beside::to(&shards[0]).await, Beside::to(&shards[0]).await);
    blocking
        .run(
            "BEGIN; INSERT INTO orders (id, created_at, updated_at, amount_minor, version, attempt, status, source, \
               currency, user_id, idempotency_key, lines, adjustments, metadata) \
             VALUES (gen_random_uuid(), now(), now(), 1, 1, 0, 7, 4, 'USD', 'alice', 'slow', '[]', '[]', '{}')",
        )
        .await;
    let pid = "SELECT pg_backend_pid()";
    let pid: i32 = blocking.client.query_one(pid, &[]).await.unwrap().get(0);
    let name = sample::numbered("alice", 2, "A-1");
    let writes = vec![
        unkeyed(place(&name), &name),
        keyed(&sample::plain("alice", 3), "slow"),
    ];
    let ids: Vec<OrderId> = writes.iter().map(|write| write.decision.order.id).collect();
    let mut committing = JoinSet::new();
    {
        let store = Arc::clone(&store);
        committing.spawn(async move { store.commit(writes, deadline()).await });
    }
    wait_until_blocked(&beside, pid).await;
    let other = Process::on(&shards).await;
    other
        .store
        .erase(erasure(&holder), deadline())
        .await
        .unwrap();
    blocking.run("ROLLBACK").await;

    let answers = committing.join_next().await.unwrap().unwrap();
    for (answer, id) in answers.iter().zip(ids) {
        assert!(
            matches!(answer, Ok(Committed::Written { .. })),
            "{answer:?}"
        );
        assert!(store.get(id).await.unwrap().is_some());
    }
}

fn place(command: &PlaceOrder) -> Decision {
    keyed(command, "unused").decision
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_whose_deadline_has_passed_is_not_done() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let order = placed_and_cancelled(&process.store, &sample::plain("alice", 1), "k").await;
    let past = tokio::time::Instant::now() - Duration::from_millis(1);
    assert_eq!(
        process.store.erase(erasure(&order), past).await,
        Err(CommitError::Store(StoreError::Expired))
    );
    assert_eq!(process.store.get(order.id).await, Ok(Some(order)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_hinted_in_every_process() {
    use application::ports::WakeUps as _;
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    let order = placed_and_cancelled(&one.store, &sample::plain("alice", 1), "k").await;
    let mut wake_ups = [&one, &other].map(|process| process.hints.last_seq(SHARD));
    let position = one.store.erase(erasure(&order), deadline()).await.unwrap();
    for last_seq in &mut wake_ups {
        let hinted = last_seq.wait_for(|seq| *seq >= position.seq);
        let hinted = tokio::time::timeout(PATIENCE, hinted).await;
        assert_eq!(*hinted.unwrap().unwrap(), position.seq);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_has_other_bits_and_its_events_share_them() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let mut seen = std::collections::HashSet::new();
    for number in 0..20 {
        let writes: Vec<Write> = (0..3)
            .map(|item| keyed(&sample::plain("alice", 1), &format!("{number}-{item}")))
            .collect();
        process.store.commit(writes, deadline()).await;
        let page = process
            .store
            .events_after(SHARD, Seq(number * 3), 3, EventContent::Events)
            .await;
        let page = page.unwrap();
        let bits: Vec<u32> = page.events.iter().map(|found| found.bits).collect();
        assert_eq!(bits, vec![page.head.bits; 3]);
        assert!(seen.insert(page.head.bits), "the same bits twice");
        let known = process.store.event_position(SHARD, page.head.seq).await;
        assert_eq!(known, Ok(Some(page.head)));
    }
    // Both halves of the signed column are read back.
    assert!(seen.iter().any(|bits| *bits > u32::MAX / 2));
    let beyond = process.store.event_position(SHARD, Seq(61)).await;
    assert_eq!(beyond, Ok(None));
    let before = process.store.event_position(SHARD, Seq(0)).await;
    assert_eq!(before, Ok(Some(EventPosition::default())));
}
