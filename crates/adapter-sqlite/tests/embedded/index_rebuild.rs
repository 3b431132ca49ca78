//! Rebuilding the index: at the start, when a list or a merge detects damage, and after a crash during a rebuild.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Committed, OrderReader as _, OrderWriter as _, StoreError};
use port_conformance::order_store::{deadline, sample};

use super::crash::{copy_of, subject};
use crate::opened::Opened;

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_lost_damaged_or_foreign_is_rebuilt_at_the_start() {
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

/// A store of 200 orders of dave with keys. The runs of this kind are damaged in its index.
async fn with_damaged_runs(kind: Kind) -> Opened {
    let opened = Opened::fresh();
    let filled = subject(&opened);
    let writes = (0..200)
        .map(|number| filled.new_write(&sample::plain("dave", 1), Some(&format!("key-{number}"))));
    let answers = opened.store.commit(writes.collect(), deadline()).await;
    assert!(answers.iter().all(Result::is_ok));
    opened.store.close().await;
    let index = rusqlite::Connection::open(index_of(opened.folder.path()));
    // An entry of a list has 24 bytes and begins with the hash of its user, which is the same for all orders here.
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

/// The kind of a run of the index.
#[derive(Clone, Copy)]
enum Kind {
    Lists,
    UniqueKeys,
}

/// Waits until the index of the second generation exists.
async fn wait_for_rebuild(opened: &Opened) {
    let next = opened.folder.path().join("index-2.db");
    for _ in 0..300 {
        if next.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the damage is not detected");
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

/// The number of listed orders of dave, once lists are available.
async fn listed(opened: &Opened) -> usize {
    for _ in 0..300 {
        match opened.store.list(&of_dave()).await {
            Ok(page) => return page.orders.len(),
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("lists stay unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_list_detects_causes_a_rebuild() {
    let opened = with_damaged_runs(Kind::Lists).await;
    let first = opened.store.list(&of_dave()).await;
    assert!(
        matches!(first, Err(StoreError::Unavailable { .. })),
        "{first:?}"
    );
    assert_eq!(listed(&opened).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_merge_detects_causes_a_rebuild() {
    let opened = with_damaged_runs(Kind::Lists).await;
    let checked = subject(&opened);
    let next = opened.folder.path().join("index-2.db");
    let mut made = 200;
    while !next.exists() {
        assert!(made < 10_000, "the damage is detected");
        // Each call becomes a run; runs of similar size are merged.
        let writes = (0..200).map(|_| checked.new_write(&sample::plain("dave", 1), None));
        let answers = opened.store.commit(writes.collect(), deadline()).await;
        assert!(answers.iter().all(Result::is_ok));
        made += 200;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(listed(&opened).await, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_unique_keys_are_detected_at_the_start_and_cause_a_rebuild() {
    let opened = with_damaged_runs(Kind::UniqueKeys).await;
    wait_for_rebuild(&opened).await;
    let checked = subject(&opened);
    // While the first index is still in use, the write is refused.
    for _ in 0..300 {
        let write = checked.new_write(&sample::plain("dave", 1), Some("key-199"));
        match checked.commit_one(write).await {
            Ok(Committed::Replayed(_)) => return,
            Err(CommitError::Store(StoreError::Unavailable { .. })) => {}
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("unique keys stay unavailable");
}

/// The folder after a crash during a rebuild: the next index file exists and is incomplete.
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
        // A file that cannot be read yet is incomplete, too.
        if !is_complete().unwrap_or(false) {
            return Opened::in_folder(copy, Arc::clone(&running.clock));
        }
        // The rebuild was complete already. Try again once its file is in use.
        while running
            .folder
            .path()
            .join(format!("index-{}.db", generation - 2))
            .exists()
        {
            tokio::task::yield_now().await;
        }
    }
    panic!("every copy was made after the end of a rebuild");
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
