//! Erased orders: their events stay in the feed as tombstones, their unique keys can be used again, lists scan a bounded number
//! of them, and their personal data leaves the files.

use std::fs;
use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::{
    Committed, Guard, Ids as _, ListFilter, ListQuery, OrderWriter as _, SequencedEvent, Write,
};
use application::system::SystemIds;
use domain::{
    Cause, Decision, EventType, HistoryStatus, IdempotencyKey, Order, OrderCommand, OrderId,
    PlaceOrder, ReceiptLocation, Seq, Status, Timestamp,
};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample, write_at};

use crate::opened::Opened;

/// The orders of before, of which all but one are written while the two decisions come.
const ORDERS_BEFORE: u64 = 513;

fn subject() -> Subject {
    Subject::from(Box::new(Opened::fresh()) as Box<dyn OpenStore>)
}

/// Places an order, with a key if one is given, and cancels it.
async fn cancelled(subject: &Subject, command: &PlaceOrder, key: Option<&str>) -> Arc<Order> {
    let write = subject.new_write(command, key);
    let order = Arc::clone(&write.decision.order);
    subject.must_write(write).await;
    subject.apply(&order, OrderCommand::Cancel).await
}

async fn feed(subject: &Subject) -> Vec<SequencedEvent> {
    subject.events_after(SHARDS[0], Seq(0), 10_000).await.events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_has_tombstones_at_the_positions_of_the_events_of_an_erased_order() {
    let subject = subject();
    let mut orders = Vec::new();
    for number in 1..=3 {
        let claimed = subject
            .place_and_claim(&sample::full("alice", &format!("A-{number}")), LONG)
            .await;
        orders.push(subject.fail(&claimed, "rejected").await);
    }
    let before = feed(&subject).await;
    let erased = orders[1].id;
    let position = subject.erase(&orders[1]).await;
    assert_eq!(position.seq, Seq(10));

    let after = feed(&subject).await;
    assert_eq!(after.len(), 10);
    for (was, is) in before.iter().zip(&after) {
        assert_eq!(was.position(), is.position());
        if was.event.order_id == erased {
            assert_eq!(*is.event, was.event.tombstone());
            assert!(!was.event.is_tombstone());
        } else {
            assert_eq!(is.event, was.event);
        }
    }
    let last = &after[9];
    assert_eq!(last.position(), position);
    assert_eq!(
        (last.event.event_type, last.event.version.get()),
        (EventType::Erased, 4)
    );
    // Later events are in memory again and follow without a gap.
    let (later, _) = subject.place(&sample::plain("alice", 5)).await;
    let page = subject.events_after(SHARDS[0], Seq(9), 10).await;
    let ids: Vec<OrderId> = page
        .events
        .iter()
        .map(|found| found.event.order_id)
        .collect();
    assert_eq!(ids, [erased, later.id]);

    let subject = subject.reopen().await;
    assert_eq!(feed(&subject).await[..10], after);
    assert_eq!(subject.find_by_id(erased).await, None);
    assert_eq!(subject.store.order_events(erased, None, 10).await, Ok(None));
    let counts = subject.counts().await;
    assert_eq!(
        (counts.get(Status::Failed), counts.accepted(), counts.erased),
        (2, 3, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_stays_in_memory_of_an_order_that_is_cancelled_and_erased_in_one_commit() {
    let opened = Opened::fresh();
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let (order, _) = subject.place(&sample::plain("alice", 1)).await;
    let cancel = order
        .apply(OrderCommand::Cancel, subject.now(), sample::cause())
        .expect("a new order can be cancelled");
    let erasure = subject.erasure(&cancel.order);
    {
        // The writer is busy with other orders, so it takes the next two calls in one transaction.
        let busy = (2..=ORDERS_BEFORE)
            .map(|number| subject.new_write(&sample::plain("bob", number), None));
        let mut before = pin!(store.commit(busy.collect(), deadline()));
        let mut commit = pin!(store.commit(vec![write_at(&order, cancel)], deadline()));
        let mut erase = pin!(store.erase(erasure, deadline()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(before.as_mut().poll(&mut context).is_pending());
        assert!(commit.as_mut().poll(&mut context).is_pending());
        assert!(erase.as_mut().poll(&mut context).is_pending());
        before.await;
        let (cancelled, erased) = (ORDERS_BEFORE + 1, ORDERS_BEFORE + 2);
        let answers = commit.await;
        assert_eq!(
            answers,
            [Ok(Committed::Written {
                seq: Seq(cancelled)
            })]
        );
        assert_eq!(erase.await.map(|position| position.seq), Ok(Seq(erased)));
    }
    let mut events = feed(&subject).await;
    events.retain(|found| found.event.order_id == order.id);
    assert_eq!(events.len(), 3);
    assert_eq!(events[1].bits, events[2].bits, "one commit");
    assert!(events.iter().all(|found| found.event.is_tombstone()));
}

/// An order of the past. It may be older than an erased order that had its unique keys.
fn history(command: &PlaceOrder, key: &str, created_at: Timestamp) -> Write {
    let id = SystemIds.order_id(created_at, &command.user_id);
    let decision: Decision = Order::place_history(
        command.clone(),
        id,
        created_at,
        Cause::default(),
        ReceiptLocation::Rendered,
        HistoryStatus::Processed,
    )
    .expect("the rules allow history");
    Write {
        decision,
        guard: Guard::New {
            key: Some(IdempotencyKey::new(key).expect("a valid key")),
            fingerprint: Some(command.fingerprint()),
        },
    }
}

/// Asserts that the key and the external id of these tests belong to `order`.
async fn keys_belong_to(subject: &Subject, order: &Arc<Order>, command: &PlaceOrder) {
    let by_key = subject.new_write(command, Some("key"));
    let answer = subject.commit_one(by_key).await;
    assert_eq!(answer, Ok(Committed::Replayed(Arc::clone(order))));
    let by_number = subject.new_write(command, None);
    let answer = subject.commit_one(by_number).await;
    assert_eq!(answer, Ok(Committed::Existing(Arc::clone(order))));
    let found = subject
        .store
        .find(&order.user_id, &sample::external_id("A-1"))
        .await;
    assert_eq!(found, Ok(Some(Arc::clone(order))));
    let filter = ListFilter {
        external_id: Some(sample::external_id("A-1")),
        ..ListFilter::default()
    };
    assert_eq!(subject.list(filter).await, [Arc::clone(order)]);
}

async fn keys_are_unused(subject: &Subject) {
    let found = subject
        .store
        .find(&sample::user("alice"), &sample::external_id("A-1"))
        .await;
    assert_eq!(found, Ok(None));
    for filter in [
        ListFilter {
            user_id: Some(sample::user("alice")),
            ..ListFilter::default()
        },
        ListFilter {
            external_id: Some(sample::external_id("A-1")),
            ..ListFilter::default()
        },
        ListFilter::default(),
        ListFilter {
            status: Some(Status::Cancelled),
            ..ListFilter::default()
        },
    ] {
        assert_eq!(subject.list(filter).await, []);
    }
}

/// What happens to the index between two uses of a key.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    Restart,
    /// The file is lost and rebuilt from the log.
    Rebuilt,
    /// The runs of unique keys are merged into one.
    Merged,
}

async fn pass(meanwhile: Meanwhile, subject: Subject, opened: &Opened) -> Subject {
    match meanwhile {
        Meanwhile::Nothing => subject,
        Meanwhile::Restart => subject.reopen().await,
        Meanwhile::Rebuilt => {
            subject.store.close().await;
            let folder = opened.folder.path();
            for entry in fs::read_dir(folder).expect("the test can read its files") {
                let path = entry.expect("the test can read its files").path();
                if path.to_string_lossy().contains("index-") {
                    fs::remove_file(path).expect("the test can remove its files");
                }
            }
            subject.reopen().await
        }
        Meanwhile::Merged => {
            // A process that ends adds a run.
            let subject = subject.reopen().await;
            wait_for_one_run_of_keys(opened).await;
            subject
        }
    }
}

async fn wait_for_one_run_of_keys(opened: &Opened) {
    let index = rusqlite::Connection::open(opened.folder.path().join("index-1.db"));
    let index = index.expect("the test can read its files");
    let runs = || -> u32 {
        let counted = index.query_row("SELECT count(DISTINCT run) FROM block_index", [], |row| {
            row.get(0)
        });
        counted.expect("the test can read its files")
    };
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    // One run of lists, and one of unique keys.
    while runs() > 2 {
        assert!(
            tokio::time::Instant::now() < until,
            "{} runs are merged",
            runs()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_an_external_id_can_be_used_again_wherever_the_index_has_them() {
    use Meanwhile::{Merged, Nothing, Rebuilt, Restart};
    for [first, second] in [
        [Nothing, Nothing],
        [Nothing, Restart],
        [Restart, Nothing],
        [Restart, Restart],
        [Restart, Merged],
        [Rebuilt, Restart],
        [Restart, Rebuilt],
    ] {
        let opened = Opened::fresh();
        let at = Opened {
            folder: Arc::clone(&opened.folder),
            clock: Arc::clone(&opened.clock),
            hints: Arc::clone(&opened.hints),
            store: Arc::clone(&opened.store),
        };
        let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
        let old = cancelled(&subject, &sample::numbered("alice", 1, "A-1"), Some("key")).await;
        let subject = pass(first, subject, &at).await;
        subject.erase(&old).await;
        keys_are_unused(&subject).await;
        let subject = pass(first, subject, &at).await;
        keys_are_unused(&subject).await;

        // Another command, with an order that is older than the erased one.
        let command = sample::numbered("alice", 2, "A-1");
        let write = history(&command, "key", sample::time("2010-12-01T00:00:00Z"));
        let new = Arc::clone(&write.decision.order);
        assert!(new.id < old.id);
        subject.must_write(write).await;
        keys_belong_to(&subject, &new, &command).await;
        let subject = pass(second, subject, &at).await;
        keys_belong_to(&subject, &new, &command).await;
        assert_eq!(subject.find_by_id(old.id).await, None);
        let subject = pass(second, subject, &at).await;
        keys_belong_to(&subject, &new, &command).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_skips_erased_orders_and_scans_a_bounded_number_of_them() {
    const ERASED: usize = 40;
    let subject = subject();
    let command = |number: usize| sample::numbered("alice", 1, &format!("A-{number}"));
    let (oldest, _) = subject.place(&command(0)).await;
    for number in 1..=ERASED {
        subject.pass(Duration::from_millis(1)).await;
        let order = cancelled(&subject, &command(number), None).await;
        subject.erase(&order).await;
    }
    let of_user = ListFilter {
        user_id: Some(sample::user("alice")),
        ..ListFilter::default()
    };
    for filter in [of_user, ListFilter::default()] {
        let mut query = ListQuery {
            filter,
            before: None,
            limit: 5,
            scan_limit: 10,
        };
        let mut pages = 0;
        let mut found = Vec::new();
        loop {
            let page = subject.store.list(&query).await;
            let page = page.expect("a healthy store lists");
            pages += 1;
            found.extend(page.orders);
            query.before = page.next_before;
            if query.before.is_none() {
                break;
            }
        }
        assert_eq!(found, [Arc::clone(&oldest)]);
        assert_eq!(pages, 5, "a page scans ten orders");
    }
}

/// A text that no file contains by chance.
const MARKER: &str = "Zanzibar-Quetzal";

fn files_hold_marker(folder: &Path) -> bool {
    let files = fs::read_dir(folder).expect("the test can read its files");
    let mut holding = files.filter(|entry| {
        let path = entry.as_ref().expect("the test can read its files").path();
        let bytes = fs::read(path).expect("the test can read its files");
        bytes
            .windows(MARKER.len())
            .any(|part| part == MARKER.as_bytes())
    });
    holding.next().is_some()
}

/// The orders have some hundred bytes or many pages. Each change moves them within the file.
#[tokio::test(flavor = "multi_thread")]
async fn personal_data_of_erased_orders_is_in_no_file_after_the_store_is_closed() {
    let opened = Opened::fresh();
    let folder = Arc::clone(&opened.folder);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let small = sample::numbered(MARKER, 1, MARKER);
    let lines = (0..200).map(|number| {
        let name = format!("{MARKER} {number}");
        sample::line(Some(MARKER), &name, 1, 100)
    });
    let large = sample::of_lines(MARKER, lines.collect());
    let mut orders = Vec::new();
    for round in 0..20 {
        for command in [&small, &large] {
            let command = PlaceOrder {
                external_id: Some(sample::external_id(&format!("{MARKER}-{round}"))),
                user_id: sample::user(&format!("{MARKER}-{}", command.lines.len())),
                ..command.clone()
            };
            let key = format!("{MARKER}-{round}");
            subject
                .must_write(subject.new_write(&command, Some(&key)))
                .await;
        }
        // Other orders between them stay.
        subject.place(&sample::plain("bob", 1)).await;
    }
    for order in subject.claim_all(LONG).await {
        if *order.user_id.as_str() == *"bob" {
            continue;
        }
        let order = subject.retry(&order, Duration::ZERO).await;
        let order = subject.apply(&order, OrderCommand::Hold).await;
        orders.push(subject.apply(&order, OrderCommand::Cancel).await);
    }
    assert_eq!(orders.len(), 40);
    let subject = subject.reopen().await;
    assert!(
        files_hold_marker(folder.path()),
        "before the orders are erased"
    );
    for order in &orders {
        subject.erase(order).await;
    }
    subject.store.close().await;
    assert!(!files_hold_marker(folder.path()));
}
