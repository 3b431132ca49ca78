//! Recovery after a crash: the store is opened in a copy of the folder that was made while it was in use.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use application::ports::{
    ClaimLimits, CommitError, Committed, OrderWriter as _, RescuePolicy, WorkQueue as _,
};
use domain::{Failure, Lane, Order, OrderId, Seq, Status};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// Opens a store in a copy of the folder, as a process does that starts after a crash.
fn after_crash(crashed: &Opened) -> Opened {
    let folder = copy_of(crashed.folder.path());
    Opened::in_folder(folder, Arc::clone(&crashed.clock))
}

pub(super) fn copy_of(crashed: &Path) -> Arc<tempfile::TempDir> {
    let folder = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
    for entry in fs::read_dir(crashed).expect("a file of the test can be read and written") {
        let entry = entry.expect("a file of the test can be read and written");
        // The shared memory is not on the disk.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), folder.path().join(entry.file_name()))
                .expect("a file of the test can be read and written");
        }
    }
    folder
}

pub(super) fn subject(opened: &Opened) -> Subject {
    let same = Opened {
        folder: Arc::clone(&opened.folder),
        clock: Arc::clone(&opened.clock),
        hints: Arc::clone(&opened.hints),
        store: Arc::clone(&opened.store),
    };
    Subject::from(Box::new(same) as Box<dyn OpenStore>)
}

const POLICY: RescuePolicy = RescuePolicy {
    max_attempts: 8,
    delay: std::time::Duration::ZERO,
};

#[tokio::test(flavor = "multi_thread")]
async fn keys_external_ids_and_lists_survive_a_crash_with_nothing_indexed() {
    let crashed = Opened::fresh();
    crashed.store.pause_index();
    let before = subject(&crashed);
    let mut ids = Vec::new();
    for number in 0..200 {
        let command = sample::numbered("alice", number, &format!("A-{number}"));
        let write = before.new_write(&command, Some(&format!("key-{number}")));
        ids.push(write.decision.order.id);
        before.must_write(write).await;
    }
    let after = after_crash(&crashed);
    let after = subject(&after);
    let again = sample::numbered("alice", 7, "A-7");
    let answer = after
        .commit_one(after.new_write(&again, Some("key-7")))
        .await;
    assert!(
        matches!(&answer, Ok(Committed::Replayed(order)) if order.id == ids[7]),
        "{answer:?}"
    );
    let other = sample::numbered("alice", 8_888, "A-8");
    let answer = after.commit_one(after.new_write(&other, None)).await;
    assert_eq!(answer, Err(CommitError::ExternalIdTaken));
    let listed = after.list(application::ports::ListFilter {
        user_id: Some(sample::user("alice")),
        ..Default::default()
    });
    let listed: Vec<OrderId> = listed.await.iter().map(|order| order.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(listed, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_open_claims_of_a_crashed_process_are_rescued() {
    let crashed = Opened::fresh();
    let before = subject(&crashed);
    for number in 0..40 {
        before.place(&sample::plain("bob", number)).await;
    }
    // Of 20 claims 8 are completed, 4 fail, 4 are retried (2 of them are claimed again), and 4 stay open.
    let claimed = before.claim_from(adapter_sqlite::SHARDS[0], 20, LONG).await;
    for order in &claimed[..8] {
        before.complete(order).await;
    }
    for order in &claimed[8..12] {
        before.fail(order, "rejected").await;
    }
    for order in &claimed[12..16] {
        before.retry(order, std::time::Duration::ZERO).await;
    }
    let retried: Vec<OrderId> = claimed[12..16].iter().map(|order| order.id).collect();
    let mut limits = ClaimLimits::any(22);
    limits.lanes[Lane::Retries.index()].most = 2;
    let next = crashed
        .store
        .claim(adapter_sqlite::SHARDS[0], limits, LONG)
        .await
        .expect("a healthy store claims");
    let mut open: Vec<Arc<Order>> = claimed[16..].to_vec();
    open.extend(next);
    assert_eq!(
        open.len(),
        26,
        "4 first claims, 20 new orders and 2 retries are open"
    );
    let again = open.iter().filter(|order| retried.contains(&order.id));
    assert_eq!(again.count(), 2);

    let after = after_crash(&crashed);
    let store = Arc::clone(&after.store);
    let after = subject(&after);
    assert_eq!(after.counts().await, before.counts().await);
    let rescued = store
        .rescue(adapter_sqlite::SHARDS[0], POLICY, 1_000)
        .await
        .expect("a healthy store rescues");
    let mut rescued_ids: Vec<OrderId> = rescued.iter().map(|order| order.id).collect();
    let mut open_ids: Vec<OrderId> = open.iter().map(|order| order.id).collect();
    rescued_ids.sort_unstable();
    open_ids.sort_unstable();
    assert_eq!(rescued_ids, open_ids, "exactly the open claims");
    assert!(rescued.iter().all(|order| {
        order.status == Status::Retrying
            && order
                .failure
                .as_ref()
                .map(|failure: &Failure| &*failure.code)
                == Some("lease_lost")
    }));
    let mut waiting = after.claim_all(LONG).await;
    assert_eq!(
        waiting.len(),
        26,
        "the orders rescued from their first attempt, and 2 retries"
    );
    while let Some(order) = after
        .claim_alone_from(adapter_sqlite::SHARDS[0], LONG)
        .await
    {
        assert!(
            retried.contains(&order.id),
            "the order was at its second attempt"
        );
        waiting.push(order);
    }
    assert_eq!(waiting.len(), 28);
    for order in &waiting {
        after.complete(order).await;
    }
    let counts = after.counts().await;
    assert_eq!(
        (counts.get(Status::Processed), counts.get(Status::Failed)),
        (36, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_unclaimed_orders_than_are_loaded_in_memory_are_claimed_once_each_across_a_crash() {
    let crashed = Opened::fresh();
    let before = subject(&crashed);
    for _ in 0..20 {
        let writes = (0..500).map(|number| before.new_write(&sample::plain("carol", number), None));
        let answers = crashed.store.commit(writes.collect(), deadline()).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    let first = before
        .claim_from(adapter_sqlite::SHARDS[0], 5_000, LONG)
        .await;
    assert_eq!(first.len(), 5_000);
    let after = after_crash(&crashed);
    let after = subject(&after);
    let rest = after.claim_all(LONG).await;
    assert_eq!(
        rest.len(),
        5_000,
        "the orders that the crashed process had not claimed"
    );
    let mut ids: Vec<OrderId> = first.iter().chain(&rest).map(|order| order.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_000, "no order was claimed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_from_the_disk_equal_those_from_memory() {
    let opened = Opened::fresh();
    let filled = subject(&opened);
    for number in 0..100 {
        filled
            .place(&sample::full("erin", &format!("E-{number}")))
            .await;
    }
    for order in filled.claim_all(LONG).await {
        filled.complete(&order).await;
    }
    let shard = adapter_sqlite::SHARDS[0];
    let near_head = filled.events_after(shard, Seq(250), 100).await.events;
    let after = after_crash(&opened);
    let all = subject(&after)
        .events_after(shard, Seq(0), 1_000)
        .await
        .events;
    assert_eq!(all.len(), 300);
    assert_eq!(all[250..], near_head, "memory and disk agree");
    assert!(all.iter().map(|found| found.seq.0).eq(1..=300));
}
