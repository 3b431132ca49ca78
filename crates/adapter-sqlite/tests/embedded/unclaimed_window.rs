//! Recovery of unclaimed orders after a crash: a start finds exactly the orders that still wait, although some were claimed
//! out of order, changed, or moved to the table `jobs`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::{ClaimLimits, OrderWriter as _, RescuePolicy, StoreError, WorkQueue as _};
use domain::{Bucket, Order, OrderCommand, OrderId, Status};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use super::crash::copy_of;
use crate::opened::Opened;
use crate::small_window::Small;

const AT_ONCE: RescuePolicy = RescuePolicy {
    max_attempts: 8,
    delay: Duration::ZERO,
};

/// A store, with access to its folder.
struct Fixture {
    opened: Opened,
    subject: Subject,
}

impl Fixture {
    fn of(opened: Opened, is_small: bool) -> Self {
        let same = Opened {
            folder: Arc::clone(&opened.folder),
            clock: Arc::clone(&opened.clock),
            hints: Arc::clone(&opened.hints),
            store: Arc::clone(&opened.store),
        };
        let same: Box<dyn OpenStore> = if is_small {
            Box::new(Small(same))
        } else {
            Box::new(same)
        };
        Self {
            opened,
            subject: same.into(),
        }
    }

    fn small() -> Self {
        Self::of(Small::fresh().0, true)
    }

    fn fresh() -> Self {
        Self::of(Opened::fresh(), false)
    }

    /// Opens a store in a copy of the folder, as a process does that starts after a crash.
    fn after_crash(&self, is_small: bool) -> Self {
        let folder = copy_of(self.opened.folder.path());
        let clock = Arc::clone(&self.opened.clock);
        if is_small {
            Self::of(Small::in_folder(folder, clock).0, true)
        } else {
            Self::of(Opened::in_folder(folder, clock), false)
        }
    }

    async fn place(&self, user: &str) -> Arc<Order> {
        self.subject.place(&sample::plain(user, 100)).await.0
    }

    async fn claim(&self, limit: usize) -> Vec<Arc<Order>> {
        self.subject.claim_from(SHARDS[0], limit, LONG).await
    }

    async fn rescue(&self) -> Vec<Arc<Order>> {
        let rescued = self.opened.store.rescue(SHARDS[0], AT_ONCE, 1_000).await;
        rescued.expect("a healthy store rescues")
    }

    /// The number of jobs in this state.
    fn jobs(&self, state: u8) -> i64 {
        let sql = "SELECT count(*) FROM jobs WHERE state = ?1";
        database(self.opened.folder.path())
            .query_row(sql, [state], |found| found.get(0))
            .expect("the test can read its files")
    }
}

fn database(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("orders.db")).expect("the test can open its files")
}

fn ids(orders: &[Arc<Order>]) -> BTreeSet<OrderId> {
    orders.iter().map(|order| order.id).collect()
}

/// Claims are round-robin over the users, so some orders wait while newer ones are claimed.
async fn claims_out_of_order(before: &Fixture, is_small: bool) {
    let mut placed = BTreeSet::new();
    for user in ["alice", "bob", "carol"] {
        for _ in 0..10 {
            placed.insert(before.place(user).await.id);
        }
    }
    let claimed = before.claim(12).await;
    let users: BTreeSet<_> = claimed.iter().map(|order| order.user_id.as_str()).collect();
    assert_eq!(users.len(), 3, "some of each user");
    for order in &claimed[..4] {
        before.subject.complete(order).await;
    }
    let retried = before.subject.retry(&claimed[4], LONG).await;

    let after = before.after_crash(is_small);
    assert_eq!(after.subject.counts().await, before.subject.counts().await);
    let rescued = after.rescue().await;
    assert_eq!(ids(&rescued), ids(&claimed[5..]), "exactly the open claims");
    let waiting = after.subject.claim_all(LONG).await;
    let mut expected: BTreeSet<OrderId> = placed.difference(&ids(&claimed)).copied().collect();
    expected.extend(ids(&rescued));
    assert_eq!(waiting.len(), expected.len(), "each order once");
    assert_eq!(ids(&waiting), expected);
    assert_eq!(after.subject.get(retried.id).await, retried);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_claimed_out_of_order_are_recovered_after_a_crash() {
    claims_out_of_order(&Fixture::fresh(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_claimed_out_of_order_are_recovered_after_a_crash_with_a_small_window() {
    claims_out_of_order(&Fixture::small(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_another_window_size_finds_the_same_orders() {
    let before = Fixture::fresh();
    let mut placed = BTreeSet::new();
    for _ in 0..40 {
        placed.insert(before.place("alice").await.id);
    }
    let after = before.after_crash(true);
    assert_eq!(ids(&after.subject.claim_all(LONG).await), placed);
    let before = Fixture::small();
    let mut placed = BTreeSet::new();
    for _ in 0..40 {
        placed.insert(before.place("alice").await.id);
    }
    assert!(before.jobs(0) >= 35, "five wait in the window");
    let after = before.after_crash(false);
    assert_eq!(ids(&after.subject.claim_all(LONG).await), placed);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_were_held_or_cancelled_are_not_due_after_a_crash() {
    for is_small in [false, true] {
        let before = if is_small {
            Fixture::small()
        } else {
            Fixture::fresh()
        };
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(before.place("alice").await);
        }
        let held = before.subject.apply(&orders[0], OrderCommand::Hold).await;
        before.subject.apply(&orders[2], OrderCommand::Cancel).await;
        let released = before.subject.apply(&orders[4], OrderCommand::Hold).await;
        let released = before.subject.apply(&released, OrderCommand::Release).await;
        let waiting = BTreeSet::from([orders[1].id, orders[3].id, released.id]);

        let after = before.after_crash(is_small);
        let next_due = after.subject.next_due(SHARDS[0]).await;
        assert_eq!(next_due, Some(Duration::ZERO));
        let claimed = after.claim(3).await;
        assert_eq!(ids(&claimed), waiting);
        assert_eq!(after.subject.next_due(SHARDS[0]).await, None);
        assert_eq!(after.claim(3).await, []);
        assert_eq!(after.subject.get(held.id).await, held);

        // The log contains only orders that changed.
        let before = after;
        let last = before.place("alice").await;
        before.subject.apply(&last, OrderCommand::Hold).await;
        let after = before.after_crash(is_small);
        assert_eq!(after.subject.next_due(SHARDS[0]).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_unclaimed_orders_and_old_claims_move_to_the_jobs() {
    let before = Fixture::small();
    let claimed = {
        before.place("alice").await;
        before.claim(1).await
    };
    let waiting = [before.place("alice").await, before.place("bob").await];
    assert_eq!((before.jobs(0), before.jobs(1)), (0, 0));
    for _ in 0..20 {
        let order = before.place("carol").await;
        before.subject.apply(&order, OrderCommand::Cancel).await;
    }
    assert_eq!(
        (before.jobs(0), before.jobs(1)),
        (2, 1),
        "a start does not have to search the log for them"
    );
    let after = before.after_crash(true);
    assert_eq!(ids(&after.rescue().await), ids(&claimed));
    let due = after.subject.claim_all(LONG).await;
    let mut expected = ids(&waiting);
    expected.extend(ids(&claimed));
    assert_eq!((due.len(), ids(&due)), (3, expected));

    // Orders that were moved are claimed and completed as usual.
    for order in &before.subject.claim_all(LONG).await {
        before.subject.complete(order).await;
    }
    before.subject.complete(&claimed[0]).await;
    assert_eq!((before.jobs(0), before.jobs(1)), (0, 0));
    assert_eq!(before.subject.counts().await.get(Status::Processed), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_claim_changes_neither_the_work_nor_the_round_robin() {
    let at = Fixture::fresh();
    let mut users = ["alice", "bob", "carol", "dave"];
    users.sort_unstable_by_key(|user| Bucket::of(&sample::user(user)));
    let writes = users.iter().flat_map(|user| {
        (0..3).map(|number| at.subject.new_write(&sample::plain(user, number), None))
    });
    let answers = at.opened.store.commit(writes.collect(), deadline()).await;
    assert!(answers.iter().all(Result::is_ok));
    // One order of each lane.
    let first = at.claim(1).await;
    assert_eq!(first[0].user_id.as_str(), users[0]);
    at.subject.retry(&first[0], Duration::ZERO).await;
    let next_due = at.subject.next_dues(SHARDS[0]).await;

    let database = database(at.opened.folder.path());
    database
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .expect("the test can change its files");
    let failed = at
        .opened
        .store
        .claim(SHARDS[0], ClaimLimits::any(5), LONG)
        .await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );
    database
        .execute_batch("DROP TRIGGER refuse")
        .expect("the test can change its files");

    assert_eq!(at.subject.next_dues(SHARDS[0]).await, next_due);
    let mut claimed = Vec::new();
    for user in [users[1], users[2], users[3]] {
        let mut limits = ClaimLimits::any(1);
        limits.lanes[domain::Lane::Retries.index()].most = 0;
        let one = at.opened.store.claim(SHARDS[0], limits, LONG).await;
        let one = one.expect("a healthy store claims");
        assert_eq!(one[0].user_id.as_str(), user, "the round-robin continues");
        claimed.extend(one);
    }
    claimed.extend(at.subject.claim_all(LONG).await);
    assert_eq!(
        (claimed.len(), ids(&claimed).len()),
        (12, 12),
        "each order once"
    );
}
