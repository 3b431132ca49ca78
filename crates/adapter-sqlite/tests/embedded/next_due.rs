//! What is due next, after a commit that changed the work alone and wrote no event.

use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::{Clock as _, Ids as _, OrderStore as _};
use application::system::SystemIds;
use domain::Steering;
use port_conformance::order_store::{LONG, OpenStore, Subject, sample};

use crate::opened::Opened;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_order_is_not_due_any_more_once_a_claim_has_removed_it() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let Opened { folder, clock, .. } = opened;
    // Its order was erased by hand, while no process had the folder.
    let id = SystemIds.order_id(clock.now(), &sample::user("alice"));
    let database = rusqlite::Connection::open(folder.path().join("orders.db"))
        .expect("the test can write its files");
    database
        .execute(
            "INSERT INTO jobs (id, due_ms, claimed) VALUES (?1, ?2, 0)",
            rusqlite::params![id.as_bytes(), clock.now().as_millis().cast_signed()],
        )
        .expect("the test can write its files");
    drop(database);

    let opened = Opened::in_folder(folder, clock);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    assert_eq!(subject.claim_from(SHARDS[0], 10, LONG).await, []);
    assert_eq!(subject.next_due(SHARDS[0]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_was_put_off_alone_is_not_due_before_its_new_time() {
    let opened = Opened::fresh();
    let folder = Arc::clone(&opened.folder);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let (placed, _) = subject.place(&sample::plain("alice", 100)).await;
    let held = subject.steer(&placed, Steering::Hold).await;
    subject.steer(&held, Steering::Release).await;
    let database = rusqlite::Connection::open(folder.path().join("orders.db"))
        .expect("the test can write its files");
    database
        .execute("UPDATE orders SET facts = x'ff'", [])
        .expect("the test can write its files");

    assert_eq!(subject.next_due(SHARDS[0]).await, Some(Duration::ZERO));
    assert_eq!(subject.claim_from(SHARDS[0], 10, LONG).await, []);
    // An order that cannot be read rests, and so may the worker.
    let due = subject.next_due(SHARDS[0]).await;
    assert!(
        due.is_some_and(|due| due > Duration::from_secs(300)),
        "{due:?}"
    );
}
