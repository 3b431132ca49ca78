//! A row that cannot be decoded, for example because it was changed by hand: only its own order is affected.

use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::{
    ClaimLimits, CommitError, ListFilter, ListQuery, OrderReader as _, OrderWriter as _,
    RescuePolicy, StoreError, WorkQueue as _,
};
use domain::{Order, OrderId};
use port_conformance::order_store::{LONG, OpenStore, Subject, sample};

use crate::opened::Opened;

const POLICY: RescuePolicy = RescuePolicy {
    max_attempts: 3,
    delay: Duration::ZERO,
};

struct Fixture {
    folder: Arc<tempfile::TempDir>,
    store: Arc<adapter_sqlite::SqliteStore>,
    subject: Subject,
}

impl Fixture {
    fn fresh() -> Self {
        let opened = Opened::fresh();
        Self {
            folder: Arc::clone(&opened.folder),
            store: Arc::clone(&opened.store),
            subject: Subject::from(Box::new(opened) as Box<dyn OpenStore>),
        }
    }

    /// Makes the facts of the order unreadable.
    fn corrupt(&self, id: OrderId) {
        let database = rusqlite::Connection::open(self.folder.path().join("orders.db"))
            .expect("the test can write its files");
        let changed = database.execute(
            "UPDATE orders SET facts = x'ff' WHERE id = ?1",
            [id.as_bytes()],
        );
        assert_eq!(changed.expect("the test can write its files"), 1);
    }

    async fn placed(&self, user: &str) -> Arc<Order> {
        self.subject.place(&sample::plain(user, 100)).await.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_order_is_deferred_and_other_orders_are_claimed() {
    let at = Fixture::fresh();
    let first = at.placed("alice").await;
    let second = at.placed("alice").await;
    // A claim reads an order that was released, but need not read a new one.
    let held = at.subject.apply(&first, domain::OrderCommand::Hold).await;
    at.subject.apply(&held, domain::OrderCommand::Release).await;
    at.corrupt(first.id);
    let claimed = at
        .store
        .claim(SHARDS[0], ClaimLimits::any(10), LONG)
        .await
        .expect("a claim");
    let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(ids, [second.id]);
    // It waits, and reading it fails with the reason.
    let due = at.subject.next_due(SHARDS[0]).await;
    assert!(
        due.is_some_and(|due| due > Duration::from_secs(300)),
        "{due:?}"
    );
    let read = at.store.get(first.id).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    assert_eq!(at.subject.counts().await.accepted(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_order_with_an_expired_lease_does_not_block_a_rescue() {
    let at = Fixture::fresh();
    let first = at.placed("alice").await;
    let second = at.placed("alice").await;
    assert_eq!(at.subject.claim_all(Duration::from_secs(1)).await.len(), 2);
    at.corrupt(first.id);
    at.subject.pass(Duration::from_secs(2)).await;
    let rescued = at.store.rescue(SHARDS[0], POLICY, 10).await;
    let ids: Vec<OrderId> = rescued
        .expect("a rescue")
        .iter()
        .map(|order| order.id)
        .collect();
    assert_eq!(ids, [second.id]);
    let again = at.store.rescue(SHARDS[0], POLICY, 10).await;
    assert_eq!(again, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_unreadable_order_refuses_only_its_own_write() {
    let at = Fixture::fresh();
    let command = sample::plain("alice", 100);
    let write = at.subject.new_write(&command, Some("key"));
    let id = write.decision.order.id;
    at.subject.must_write(write).await;
    at.corrupt(id);
    let writes = vec![
        at.subject.new_write(&sample::plain("bob", 1), None),
        at.subject.new_write(&command, Some("key")),
        at.subject.new_write(&sample::plain("carol", 1), None),
    ];
    let deadline = port_conformance::order_store::deadline();
    let answers = at.store.commit(writes, deadline).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(
        matches!(
            answers[1],
            Err(CommitError::Store(StoreError::Corrupt { .. }))
        ),
        "{answers:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_reach_an_unreadable_order_is_listed() {
    let at = Fixture::fresh();
    // Both have the same millisecond, because the clock does not advance.
    let (a, b) = (at.placed("alice").await, at.placed("alice").await);
    let (older, newer) = if a.id < b.id { (a, b) } else { (b, a) };
    at.corrupt(older.id);
    let query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 1,
        scan_limit: 1,
    };
    let page = at
        .store
        .list(&query)
        .await
        .expect("the newer one can be read");
    let ids: Vec<OrderId> = page.orders.iter().map(|order| order.id).collect();
    assert_eq!(ids, [newer.id]);
}
