//! The rowids of orders. Orders of one millisecond with the same home rowid are all found. Orders that are created in sequence
//! are appended at the end of the table, whatever their users are.

use std::time::Duration;

use application::ports::{Guard, ListFilter, OrderWriter as _, Write};
use domain::{Cause, Order, OrderId, ReceiptLocation, Status, Timestamp};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// About 450 of these orders have the home rowid of another one (4,000² / 2 / 2^14, less those that share one).
const ORDERS: usize = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn orders_with_the_same_home_rowid_are_found_changed_and_listed_in_order() {
    let opened = Opened::fresh();
    let store = std::sync::Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let new: Vec<_> = (0..ORDERS)
        .map(|_| subject.new_write(&sample::plain("alice", 100), None))
        .collect();
    for answer in store.commit(new, deadline()).await {
        answer.expect("a new order is written");
    }
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(claimed.len(), ORDERS);
    let outcomes = claimed.iter().map(|order| subject.completion(order));
    for answer in store.commit(outcomes.collect(), deadline()).await {
        answer.expect("an outcome is written");
    }
    for order in &claimed {
        let found = subject.get(order.id).await;
        assert_eq!((found.id, found.status), (order.id, Status::Processed));
        assert_eq!(subject.events(order.id).await.len(), 3, "{}", order.id);
    }
    let listed = subject.list(ListFilter::default()).await;
    let mut ids: Vec<_> = claimed.iter().map(|order| order.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(listed.iter().map(|order| order.id).collect::<Vec<_>>(), ids);
}

const COMMITS: u64 = 200;
/// The orders of a commit under the load of 64 callers, and the time between two of them.
const ORDERS_A_COMMIT: u64 = 13;
const NANOS_APART: u64 = 20_000;
/// A page and its header in the write-ahead log of SQLite.
const FRAME_BYTES: u64 = 4_096 + 24;

/// A new order with an id like those of [`Ids`](application::ports::Ids) at that time.
fn new_order(number: u64) -> Write {
    let nanos = number * NANOS_APART;
    let start = Timestamp::parse("2026-01-31T12:00:00Z").expect("a valid time");
    let created_at = start.saturating_add(Duration::from_nanos(nanos));
    let fraction = nanos % 1_000_000 * 4_096 / 1_000_000;
    // Multiplying by an odd constant distributes the numbers (Knuth, The Art of Computer Programming 6.4).
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let lines = vec![sample::line(Some("KB-1"), "Mechanical Keyboard", 2, 14_999)];
    let command = sample::of_lines(&format!("user-{}", scattered % 100_000), lines);
    let id = OrderId::new(
        created_at,
        &command.user_id,
        fraction << 52 | scattered >> 12,
    );
    Write {
        decision: Order::place(
            command,
            id,
            created_at,
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard: Guard::New {
            key: None,
            fingerprint: None,
        },
    }
}

/// A commit writes at most two pages of orders and one of the log. If a page is full, it also writes the parent page and the
/// first page of the file. If rows were anywhere within their millisecond, it would write half as many pages more.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_new_orders_appends_rows_and_writes_few_pages() {
    let opened = Opened::fresh();
    let log = opened.folder.path().join("orders.db-wal");
    let size = || {
        std::fs::metadata(&log)
            .expect("there is a write-ahead log")
            .len()
    };
    let before = size();
    for commit in 0..COMMITS {
        let first = commit * ORDERS_A_COMMIT;
        let writes = (first..first + ORDERS_A_COMMIT).map(new_order).collect();
        for answer in opened.store.commit(writes, deadline()).await {
            answer.expect("a new order is written");
        }
    }
    let frames = (size() - before) / FRAME_BYTES;
    let a_commit = frames as f64 / COMMITS as f64;
    assert!(a_commit < 4.0, "{a_commit} pages a commit");
    assert!(a_commit > 1.0, "{a_commit}: no pages were counted");
}
