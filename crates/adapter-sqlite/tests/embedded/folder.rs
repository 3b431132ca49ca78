//! The lock of the data folder, and folders with an unknown schema.

use std::sync::Arc;

use adapter_sqlite::{OpenError, SHARDS};
use application::in_process::InProcessHints;
use application::ports::{OrderReader as _, OrderWriter as _};
use port_conformance::order_store::{IndexCommand, OpenStore, Subject, deadline, sample};

use crate::opened::{Opened, open_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_used_by_one_process_at_a_time() {
    let opened = Opened::fresh();
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let second = open_in(opened.folder.path(), &opened.clock, &hints);
    let error = second.expect_err("the folder is in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(
        error.to_string().contains("used by another process"),
        "{error}"
    );
    opened.store.close().await;
    open_in(opened.folder.path(), &opened.clock, &hints).expect("it was closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_store_unlocks_its_folder() {
    let Opened {
        folder,
        clock,
        store,
        hints,
    } = Opened::fresh();
    drop(store);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        match open_in(folder.path(), &clock, &hints) {
            Ok(_) => return,
            Err(error) => assert!(
                matches!(error, OpenError::InUse { .. }) && tokio::time::Instant::now() < deadline,
                "{error}"
            ),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_no_write_ahead_log_although_the_indexer_ends_last() {
    let opened = Opened::fresh();
    let folder = Arc::clone(&opened.folder);
    let mut subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    for _ in 0..3 {
        // The memtable is not empty when the store is closed.
        let is_paused = subject.opened.index(IndexCommand::Pause).await;
        assert!(is_paused);
        let writes = (0..250).map(|_| subject.new_write(&sample::plain("alice", 1), None));
        let answers = subject.store.commit(writes.collect(), deadline()).await;
        assert!(answers.iter().all(Result::is_ok));
        subject.store.close().await;
        let mut files: Vec<_> = std::fs::read_dir(folder.path())
            .expect("the test can read its files")
            .map(|entry| entry.expect("the test can read its files").file_name())
            .collect();
        files.sort();
        assert_eq!(files, ["index-1.db", "lock", "orders.db"]);
        // The next start rebuilds the index from the orders.
        std::fs::remove_file(folder.path().join("index-1.db")).expect("the file is there");
        subject = subject.reopen().await;
    }
    subject.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_stops_the_start_with_one_line() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let database = rusqlite::Connection::open(opened.folder.path().join("orders.db"))
        .expect("the test can prepare its files");
    database
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                SELECT 99, 'of_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1",
            [],
        )
        .expect("the test can prepare its files");
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let refused = open_in(opened.folder.path(), &opened.clock, &hints);
    let error = refused.expect_err("the schema is newer");
    assert!(
        matches!(error, OpenError::NewerSchema { found: 99, .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_an_unreleased_build_stops_the_start_with_one_line() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let database = rusqlite::Connection::open(opened.folder.path().join("orders.db"))
        .expect("the test can prepare its files");
    database
        .execute("UPDATE refinery_schema_history SET checksum = '1'", [])
        .expect("the test can prepare its files");
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let refused = open_in(opened.folder.path(), &opened.clock, &hints);
    let error = refused.expect_err("the schema is of an unreleased build");
    assert!(
        matches!(error, OpenError::ForeignSchema { found: 3, .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
}

/// No build with an earlier schema was released.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_an_earlier_format_stops_the_start_with_one_line_and_is_not_changed() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let orders = opened.folder.path().join("orders.db");
    let database = rusqlite::Connection::open(&orders).expect("the test can prepare its files");
    database
        .execute_batch(
            "UPDATE refinery_schema_history SET version = 2, name = 'work_that_is_done_alone'",
        )
        .expect("the test can prepare its files");
    drop(database);
    let before = std::fs::read(&orders).expect("the test can read its files");
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let refused = open_in(opened.folder.path(), &opened.clock, &hints);
    let error = refused.expect_err("the schema is older");
    assert!(
        matches!(
            error,
            OpenError::EarlierSchema {
                found: 2,
                known: 3,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    let after = std::fs::read(&orders).expect("the test can read its files");
    assert!(before == after, "the folder was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_refuses_every_call() {
    let opened = Opened::fresh();
    let store = Arc::clone(&opened.store);
    let subject =
        Subject::from(Box::new(opened) as Box<dyn port_conformance::order_store::OpenStore>);
    let (order, _) = subject.place(&sample::plain("alice", 100)).await;
    store.close().await;
    store.close().await;
    assert!(store.get(order.id).await.is_err());
    let write = subject.new_write(&sample::plain("alice", 200), None);
    assert!(subject.commit_one(write).await.is_err());
}
