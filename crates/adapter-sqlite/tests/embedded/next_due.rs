//! `next_due` after a commit that changed the waiting work without an event.

use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::{Clock as _, Ids as _, OrderWriter as _};
use application::system::SystemIds;
use domain::OrderCommand;
use port_conformance::order_store::{LONG, OpenStore, Subject, sample};
use tempfile::TempDir;

use crate::opened::Opened;

fn change_by_hand(folder: &TempDir, sql: &str) {
    let database = rusqlite::Connection::open(folder.path().join("orders.db"));
    let changed = database.and_then(|database| database.execute(sql, []));
    assert_eq!(changed, Ok(1), "the test can write its files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_order_is_not_due_after_a_claim_has_removed_it() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let Opened { folder, clock, .. } = opened;
    // Its order was deleted by hand while the store was closed.
    let id = SystemIds.order_id(clock.now(), &sample::user("alice"));
    let job = format!(
        "INSERT INTO jobs (id, state, bucket, due_ms) VALUES (x'{}', 0, {}, {})",
        id.as_uuid().simple(),
        id.bucket().get(),
        clock.now().as_millis()
    );
    change_by_hand(&folder, &job);

    let opened = Opened::in_folder(folder, clock);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    assert_eq!(subject.claim_from(SHARDS[0], 10, LONG).await, []);
    assert_eq!(subject.next_due(SHARDS[0]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclaimed_order_that_was_deleted_is_not_due_after_a_claim_has_skipped_it() {
    let opened = Opened::fresh();
    let (folder, clock) = (Arc::clone(&opened.folder), Arc::clone(&opened.clock));
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let (erased, _) = subject.place(&sample::plain("alice", 100)).await;
    subject.store.close().await;
    drop(subject);
    change_by_hand(&folder, "DELETE FROM orders");

    let opened = Opened::in_folder(folder, clock);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    assert_eq!(subject.find_by_id(erased.id).await, None);
    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    assert_eq!(subject.claim_from(SHARDS[0], 10, LONG).await, []);
    assert_eq!(subject.next_due(SHARDS[0]).await, None);
    // A later order is due as usual.
    let (placed, _) = subject.place(&sample::plain("alice", 100)).await;
    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    subject.claim_only(placed.id, LONG).await;
    assert_eq!(subject.next_due(SHARDS[0]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn deferred_work_is_not_due_before_its_new_time() {
    let opened = Opened::fresh();
    let folder = Arc::clone(&opened.folder);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let (placed, _) = subject.place(&sample::plain("alice", 100)).await;
    let held = subject.apply(&placed, OrderCommand::Hold).await;
    subject.apply(&held, OrderCommand::Release).await;
    change_by_hand(&folder, "UPDATE orders SET facts = x'ff'");

    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    assert_eq!(subject.claim_from(SHARDS[0], 10, LONG).await, []);
    // The work of an order that cannot be read is deferred, so the worker may sleep.
    let due = subject.next_due(SHARDS[0]).await;
    assert!(
        due.is_some_and(|due| due > Duration::from_secs(300)),
        "{due:?}"
    );
}
