//! Receipts in a folder, through the port alone.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_object_store::ReceiptFolder;
use application::ports::{ReceiptError, ReceiptStore};
use domain::{OrderId, Receipt, Timestamp, UserId};

fn receipt(user: &str, number: u64, text: &str) -> Receipt {
    let user = UserId::new(user).unwrap();
    let id = OrderId::new(
        Timestamp::from_millis(1_700_000_000_000).unwrap(),
        &user,
        number << 2,
    );
    Receipt {
        key: Receipt::key_of(&user, id),
        text: text.to_owned(),
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn a_receipt_is_found_at_its_key_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receipt = receipt("alice", 1, "ORDER RECEIPT\n");
    let store = ReceiptFolder::open(folder.path()).unwrap();
    assert_eq!(store.get(&receipt.key).await.unwrap(), None);
    store.put(&receipt).await.unwrap();
    drop(store);
    let store = ReceiptFolder::open(folder.path()).unwrap();
    assert_eq!(
        store.get(&receipt.key).await.unwrap().as_deref(),
        Some("ORDER RECEIPT\n")
    );
    let on_disk = std::fs::read_to_string(folder.path().join(&*receipt.key)).unwrap();
    assert_eq!(on_disk, receipt.text);
}

#[tokio::test]
async fn writing_the_same_again_is_a_success_and_writing_another_text_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let store = ReceiptFolder::open(folder.path()).unwrap();
    let first = receipt("alice", 1, "one");
    store.put(&first).await.unwrap();
    store.put(&first).await.unwrap();
    for text in ["two", "longer than one", ""] {
        let error = store.put(&receipt("alice", 1, text)).await.unwrap_err();
        assert!(
            matches!(error, ReceiptError::Conflict { ref key } if *key == *first.key),
            "{error}"
        );
    }
    assert_eq!(store.get(&first.key).await.unwrap().as_deref(), Some("one"));
}

#[tokio::test]
async fn hostile_users_stay_in_the_folder_and_apart() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("kept");
    let store = ReceiptFolder::open(&folder).unwrap();
    let long = "😀".repeat(100);
    let long_but_last = format!("{}é", "😀".repeat(99));
    let users = [
        ".",
        "..",
        "...",
        "../..",
        "/etc/passwd",
        "a/b",
        "a%2Fb",
        "a%2fb",
        "%2E%2E",
        "%",
        "%%",
        "%252E",
        "..%2f",
        "a\\b",
        "C:",
        "~",
        "-",
        "a b ",
        " a",
        "a#1",
        "x#",
        "#1",
        "a?b*c|d<e>\"f\"",
        "COM1",
        "é",
        "e\u{301}",
        "\u{202e}x",
        "a:b",
        "{a}^[b]`~",
        "%~a",
        long.as_str(),
        long_but_last.as_str(),
    ];
    for user in users {
        let receipt = receipt(user, 1, user);
        store
            .put(&receipt)
            .await
            .unwrap_or_else(|error| panic!("{user:?}: {error}"));
        store.put(&receipt).await.unwrap();
    }
    for user in users {
        let receipt = receipt(user, 1, user);
        assert_eq!(
            store.get(&receipt.key).await.unwrap().as_deref(),
            Some(user),
            "{user:?}"
        );
    }
    let files = files_below(outer.path());
    assert_eq!(
        files.len(),
        users.len(),
        "one file a receipt and nothing left over"
    );
    let owners: HashSet<_> = files.iter().filter_map(|file| file.parent()).collect();
    assert_eq!(owners.len(), users.len(), "one folder a user");
    for file in &files {
        let inside = file
            .strip_prefix(folder.join("receipts"))
            .expect("inside the folder for receipts");
        assert_eq!(inside.components().count(), 2, "{inside:?}");
    }
}

#[tokio::test]
async fn keys_are_not_encoded_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = ReceiptFolder::open(folder.path()).unwrap();
    for user in ["a/b", "100%", "..", "ünï côde", "[x]"] {
        let receipt = receipt(user, 1, user);
        store.put(&receipt).await.unwrap();
        assert!(
            folder.path().join(&*receipt.key).is_file(),
            "{}",
            receipt.key
        );
    }
}

#[tokio::test]
async fn a_key_that_was_never_made_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "x").unwrap();
    let store = ReceiptFolder::open(&folder.path().join("receipts-of-users")).unwrap();
    for key in [
        "../secret",
        "receipts/../../secret",
        "/",
        "",
        "receipts//x",
        "receipts/\0",
    ] {
        assert!(matches!(store.get(key).await, Ok(None)), "{key:?}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_told_from_a_missing_receipt_and_is_never_made_again() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("disk");
    let store = ReceiptFolder::open(&folder).unwrap();
    assert!(store.is_reachable().await);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(!store.is_reachable().await);
    let error = store.put(&receipt("alice", 1, "one")).await.unwrap_err();
    assert!(matches!(error, ReceiptError::Unavailable(_)), "{error}");
    assert!(!folder.exists());
    std::fs::create_dir(&folder).unwrap();
    assert!(store.is_reachable().await);
    store.put(&receipt("alice", 1, "one")).await.unwrap();
}

#[tokio::test]
async fn a_file_where_the_folder_should_be_stops_the_start() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = ReceiptFolder::open(&file).unwrap_err();
    assert!(error.to_string().contains("receipts.folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_equal_writes_all_succeed_and_leave_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(ReceiptFolder::open(folder.path()).unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&store);
        writers.spawn(async move { store.put(&receipt("alice", 1, "one")).await });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap().unwrap();
    }
    assert_eq!(files_below(folder.path()).len(), 1);
}
