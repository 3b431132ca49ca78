//! What a crash leaves behind: the folder as it is at one moment, without anything being closed.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    ClaimLimits, CommitError, Committed, OrderReader as _, OrderWriter as _, RescuePolicy,
    StoreError, WorkQueue as _,
};
use domain::{Failure, Lane, Order, OrderId, Seq, Status};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// The store in a copy of the folder, as a process finds it that starts after a crash.
fn after_crash(crashed: &Opened) -> Opened {
    let folder = copy_of(crashed.folder.path());
    Opened::in_folder(folder, Arc::clone(&crashed.clock))
}

pub(super) fn copy_of(crashed: &Path) -> Arc<tempfile::TempDir> {
    let folder = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
    for entry in fs::read_dir(crashed).expect("a file of the test can be read and written") {
        let entry = entry.expect("a file of the test can be read and written");
        // The shared memory is no part of what is on the disk.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), folder.path().join(entry.file_name()))
                .expect("a file of the test can be read and written");
        }
    }
    folder
}

fn subject(opened: &Opened) -> Subject {
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
async fn every_claim_of_a_crashed_process_is_taken_back_and_nothing_else() {
    let crashed = Opened::fresh();
    let before = subject(&crashed);
    for number in 0..40 {
        before.place(&sample::plain("bob", number)).await;
    }
    // Of 20 claims: 8 done, 4 failed, 4 waiting to be claimed again, of which 2 are; 4 fresh ones stay open.
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
        "4 are open, 20 fresh ones and 2 retries were claimed"
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
    assert_eq!(rescued_ids, open_ids, "exactly what was open");
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
        "what was rescued from its first attempt, and the 2 retries"
    );
    while let Some(order) = after
        .claim_alone_from(adapter_sqlite::SHARDS[0], LONG)
        .await
    {
        assert!(retried.contains(&order.id), "what was at its second one");
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
async fn more_fresh_work_than_memory_holds_is_claimed_once_each_across_a_crash() {
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
        "what the crashed process had not claimed"
    );
    let mut ids: Vec<OrderId> = first.iter().chain(&rest).map(|order| order.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_000, "no order was claimed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_lost_damaged_or_foreign_is_built_again() {
    let opened = Opened::fresh();
    let filled = subject(&opened);
    for number in 0..50 {
        let command = sample::numbered("dave", number, &format!("D-{number}"));
        filled
            .must_write(filled.new_write(&command, Some(&format!("key-{number}"))))
            .await;
    }
    opened.store.close().await;
    let foreign = Opened::fresh();
    foreign.store.close().await;
    for what in ["lost", "damaged", "foreign"] {
        let index = index_of(opened.folder.path());
        let done = match what {
            "lost" => fs::remove_file(index),
            "damaged" => fs::write(index, [0x5a; 8_192]),
            _ => fs::copy(index_of(foreign.folder.path()), index).map(drop),
        };
        done.expect("a file of the test can be written");
        let again = Opened::in_folder(Arc::clone(&opened.folder), Arc::clone(&opened.clock));
        let checked = subject(&again);
        let command = sample::numbered("dave", 49, "D-49");
        let answer = checked
            .commit_one(checked.new_write(&command, Some("key-49")))
            .await;
        assert!(
            matches!(answer, Ok(Committed::Replayed(_))),
            "{what}: {answer:?}"
        );
        let filter = application::ports::ListFilter {
            user_id: Some(sample::user("dave")),
            ..Default::default()
        };
        assert_eq!(checked.list(filter).await.len(), 50, "{what}");
        again.store.close().await;
    }
}

/// A store of 200 orders of dave with keys whose index has damaged runs of the one kind or of the other.
async fn with_damaged_runs(kind: Kind) -> Opened {
    let opened = Opened::fresh();
    let filled = subject(&opened);
    let writes = (0..200)
        .map(|number| filled.new_write(&sample::plain("dave", 1), Some(&format!("key-{number}"))));
    let answers = opened.store.commit(writes.collect(), deadline()).await;
    assert!(answers.iter().all(Result::is_ok));
    opened.store.close().await;
    let index = rusqlite::Connection::open(index_of(opened.folder.path()));
    // An entry of a list is 24 bytes long and begins with the hash of its user: all of these with that of dave.
    let is_list = matches!(kind, Kind::Lists);
    let damaged = index
        .expect("a file of the test can be written")
        .execute(
            "UPDATE blocks SET contents = substr(contents, 2)
                WHERE (substr(contents, 1, 8) = substr(contents, 25, 8)) = ?1",
            [is_list],
        )
        .expect("a file of the test can be written");
    assert!(damaged > 0);
    Opened::in_folder(Arc::clone(&opened.folder), Arc::clone(&opened.clock))
}

/// What a run of the index is of.
#[derive(Clone, Copy)]
enum Kind {
    Lists,
    Names,
}

/// Waits until another index is in use than the first.
async fn rebuilt(opened: &Opened) {
    let next = opened.folder.path().join("index-2.db");
    for _ in 0..300 {
        if next.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the damage is not found");
}

fn of_dave() -> application::ports::ListQuery {
    application::ports::ListQuery {
        filter: application::ports::ListFilter {
            user_id: Some(sample::user("dave")),
            ..Default::default()
        },
        before: None,
        limit: 10_000,
        scan_limit: 10_000,
    }
}

/// The orders of dave, once lists can be read again.
async fn listed(opened: &Opened) -> usize {
    for _ in 0..300 {
        match opened.store.list(&of_dave()).await {
            Ok(page) => return page.orders.len(),
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("lists can never be read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_list_finds_damaged_is_built_again() {
    let opened = with_damaged_runs(Kind::Lists).await;
    let first = opened.store.list(&of_dave()).await;
    assert!(
        matches!(first, Err(StoreError::Unavailable { .. })),
        "{first:?}"
    );
    assert_eq!(listed(&opened).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_merge_finds_damaged_is_built_again() {
    let opened = with_damaged_runs(Kind::Lists).await;
    let checked = subject(&opened);
    let next = opened.folder.path().join("index-2.db");
    let mut made = 200;
    while !next.exists() {
        assert!(made < 10_000, "the damage is found");
        // Each becomes a run; runs of like size are merged.
        let writes = (0..200).map(|_| checked.new_write(&sample::plain("dave", 1), None));
        let answers = opened.store.commit(writes.collect(), deadline()).await;
        assert!(answers.iter().all(Result::is_ok));
        made += 200;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(listed(&opened).await, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_whose_names_are_found_damaged_at_the_start_is_built_again() {
    let opened = with_damaged_runs(Kind::Names).await;
    rebuilt(&opened).await;
    let checked = subject(&opened);
    // Nothing is told apart while the first index is still in use: the write alone is refused.
    for _ in 0..300 {
        let write = checked.new_write(&sample::plain("dave", 1), Some("key-199"));
        match checked.commit_one(write).await {
            Ok(Committed::Replayed(_)) => return,
            Err(CommitError::Store(StoreError::Unavailable { .. })) => {}
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("names can never be looked up again");
}

/// The folder after a crash in the middle of a rebuild: the next index is there and is not complete.
async fn crash_in_a_rebuild(running: &Opened) -> Opened {
    for generation in 2..50 {
        running.store.rebuild_index();
        let next = running.folder.path().join(format!("index-{generation}.db"));
        while !next.exists() {
            tokio::task::yield_now().await;
        }
        let copy = copy_of(running.folder.path());
        let next = copy.path().join(format!("index-{generation}.db"));
        let is_complete = || -> rusqlite::Result<bool> {
            rusqlite::Connection::open(&next)?.query_row(
                "SELECT count(*) FROM manifest",
                [],
                |row| row.get(0),
            )
        };
        // Where it was so young that it cannot be read, it is not complete either.
        if !is_complete().unwrap_or(false) {
            return Opened::in_folder(copy, Arc::clone(&running.clock));
        }
        // It was too fast: once more, when it is in use.
        while running
            .folder
            .path()
            .join(format!("index-{}.db", generation - 2))
            .exists()
        {
            tokio::task::yield_now().await;
        }
    }
    panic!("the rebuild was never met in its work");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_keys_and_external_ids_survive_a_crash_in_a_rebuild_of_the_index() {
    let running = Opened::fresh();
    let before = subject(&running);
    for batch in 0..40 {
        let numbers = batch * 500..(batch + 1) * 500;
        let writes = numbers.map(|number: u64| {
            let user_id = format!("user-{}", number % 100);
            let command = sample::numbered(&user_id, number, &format!("N-{number}"));
            before.new_write(&command, Some(&format!("key-{number}")))
        });
        let answers = running.store.commit(writes.collect(), deadline()).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    let after = crash_in_a_rebuild(&running).await;
    let after = subject(&after);
    for user in [0, 57, 99] {
        let filter = application::ports::ListFilter {
            user_id: Some(sample::user(&format!("user-{user}"))),
            ..Default::default()
        };
        let listed = after.list(filter.clone()).await;
        assert_eq!(listed.len(), 200);
        assert_eq!(listed, before.list(filter).await);
    }
    for number in [0, 9_999, 19_999] {
        let user_id = format!("user-{}", number % 100);
        let command = sample::numbered(&user_id, number, &format!("N-{number}"));
        let by_key = after.new_write(&command, Some(&format!("key-{number}")));
        let by_number = after.new_write(&command, None);
        let answer = after.commit_one(by_key).await;
        assert!(matches!(answer, Ok(Committed::Replayed(_))), "{answer:?}");
        let answer = after.commit_one(by_number).await;
        assert!(matches!(answer, Ok(Committed::Existing(_))), "{answer:?}");
    }
}

fn index_of(folder: &Path) -> std::path::PathBuf {
    let is_index = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("index-") && name.ends_with(".db")
    };
    fs::read_dir(folder)
        .expect("a file of the test can be read and written")
        .map(|entry| {
            entry
                .expect("a file of the test can be read and written")
                .path()
        })
        .find(is_index)
        .expect("a store has an index")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_read_from_the_disk_are_those_that_were_kept_in_memory() {
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
