//! Hash collisions of unique keys, in the index file and in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Clock, CommitError, Committed, Guard, Ids, OrderReader as _, OrderWriter as _, StoreError,
    Write,
};
use application::system::{SystemClock, SystemIds};
use domain::{
    Cause, EventPosition, ExternalId, IdempotencyKey, Order, OrderId, PlaceOrder, ReceiptLocation,
    Seq,
};
use port_conformance::order_store::sample;

use crate::index::file::IndexFile;
use crate::index::hashes::UniqueKeyHash;
use crate::index::memtable::Segment;
use crate::shard::SHARDS;
use crate::{SqliteOptions, SqliteStore, Tuning};

fn open(dir: &Path) -> SqliteStore {
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    SqliteStore::open(
        SqliteOptions {
            data_dir: dir.to_owned(),
            queue: 1_024,
            batch: 256,
            tuning: Tuning::default(),
        },
        Arc::new(SystemClock::new()),
        Arc::new(SystemIds),
        hints,
    )
    .unwrap()
}

fn write(command: &PlaceOrder, key: Option<&str>) -> Write {
    let now = SystemClock::new().now();
    let id = SystemIds.order_id(now, &command.user_id);
    let rendered = ReceiptLocation::Rendered;
    Write {
        decision: Order::place(command.clone(), id, now, Cause::default(), rendered),
        guard: Guard::New {
            key: key.map(|key| IdempotencyKey::new(key).unwrap()),
            fingerprint: Some(command.fingerprint()),
        },
    }
}

async fn commit(store: &SqliteStore, write: Write) -> Result<Committed, CommitError> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    store.commit(vec![write], deadline).await.remove(0)
}

/// Index entries as if two other unique keys had the hashes of those of the order.
fn colliding(id: OrderId, through: EventPosition) -> Segment {
    let alice = sample::user("alice");
    let mut segment = Segment {
        through,
        ..Segment::default()
    };
    let idempotency_key = IdempotencyKey::new("another").unwrap();
    let external_id = ExternalId::new("A-2").unwrap();
    for key in [
        UniqueKeyHash::of_key(&alice, &idempotency_key),
        UniqueKeyHash::of_external_id(&alice, &external_id),
    ] {
        segment.unique_keys.insert(key, id);
    }
    segment
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_another_key_of_the_same_hash_is_no_duplicate() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let first = write(&sample::numbered("alice", 1, "A-1"), Some("key"));
    let id = first.decision.order.id;
    assert!(commit(&store, first).await.is_ok());
    let through = store.committed.snapshot().position();
    store.close().await;
    let orders = rusqlite::Connection::open(directory.path().join("orders.db")).unwrap();
    let store_id: Vec<u8> = orders
        .query_row("SELECT store_id FROM store", [], |row| row.get(0))
        .unwrap();
    drop(orders);
    let path = directory.path().join("index-1.db");
    let mut index = IndexFile::open(&path, &store_id).unwrap();
    index.add(&colliding(id, through)).unwrap();
    drop(index);

    let store = open(directory.path());
    // The command is equal; only the key makes it another order.
    let by_key = write(&sample::numbered("alice", 1, "A-3"), Some("another"));
    let answer = commit(&store, by_key).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    let by_external_id = write(&sample::numbered("alice", 1, "A-2"), None);
    let answer = commit(&store, by_external_id).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    // The keys themselves lead to their orders.
    let again = write(&sample::numbered("alice", 1, "A-1"), Some("key"));
    let answer = commit(&store, again).await;
    assert!(
        matches!(&answer, Ok(Committed::Replayed(order)) if order.id == id),
        "{answer:?}"
    );
    let again = write(&sample::numbered("alice", 1, "A-3"), Some("another"));
    let answer = commit(&store, again).await;
    assert!(matches!(answer, Ok(Committed::Replayed(_))), "{answer:?}");
    store.close().await;
}

/// The memtable holds one order for each hash, so the second order is refused until the first one is in the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_collision_in_memory_is_refused_until_the_index_is_flushed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.pause_index();
    let first = write(&sample::plain("alice", 1), Some("key"));
    let id = first.decision.order.id;
    assert!(commit(&store, first).await.is_ok());
    let through = store.committed.snapshot().position();
    store.memtable.append(&mut colliding(id, through), through);
    let second = || write(&sample::plain("alice", 1), Some("another"));
    let answer = commit(&store, second()).await;
    let Err(CommitError::Store(StoreError::Unavailable { reason, .. })) = answer else {
        panic!("{answer:?}");
    };
    assert!(reason.contains("try again"), "{reason}");
    store.resume_index();
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while commit(&store, second()).await.is_err() {
        assert!(tokio::time::Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = commit(&store, second()).await;
    assert!(
        matches!(&answer, Ok(Committed::Replayed(order)) if order.id != id),
        "{answer:?}"
    );
    assert_eq!(through.seq, Seq(1));
    assert_eq!(store.counts().await.unwrap().accepted(), 2);
    store.close().await;
}
