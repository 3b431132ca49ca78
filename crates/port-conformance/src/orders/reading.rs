//! Reading orders, their events and their counts: every field of them, whatever became of the order.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Counts, EventFeed as _, OrderReader as _, OrderWriter as _, Sharded as _,
};
use application::watch::Cursor;
use application::{NamedOrder, OrderEvents};
use domain::{EventPosition, Failure, Order, OrderCommand, OrderId, Seq, Status, Version};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::order_store::sample;

const DELAY: Duration = Duration::from_millis(90_001);

fn failure() -> Failure {
    Failure::new("timeout", "no answer within 30 s («😀»)")
}

/// One order of each standing, with everything that it can carry: held, claimed, retried, busy, waiting for its receipt,
/// processed, dead, cancelled.
async fn one_of_each(subject: &Subject) -> Vec<Arc<Order>> {
    let now = subject.now();
    let decided =
        |decision: Result<domain::Decision, domain::Refusal>| decision.expect("the rules allow it");
    let result = || Some(Arc::from("{\"tracking\":\"Ü-1\"}"));
    let mut orders = vec![subject.place(sample::full("alice", "held")).await];
    orders[0] = subject.apply(&orders[0], OrderCommand::Hold).await;
    for number in [
        "claimed",
        "retrying",
        "busy",
        "waiting",
        "processed",
        "dead",
    ] {
        let placed = subject.place(sample::full("alice", number)).await;
        let order = match number {
            "processed" => subject.process(&placed).await,
            "dead" => subject.fail(&placed, failure()).await,
            _ => {
                let claimed = subject.claim(&placed).await;
                let decision = match number {
                    "retrying" => decided(claimed.retry(failure(), DELAY, now)),
                    "busy" => decided(claimed.postpone_busy(failure(), DELAY, now)),
                    "waiting" => decided(claimed.await_receipt(result(), failure(), DELAY, now)),
                    _ => {
                        orders.push(claimed);
                        continue;
                    }
                };
                subject.decide(&claimed, decision).await
            }
        };
        orders.push(order);
    }
    let dead = subject.place(sample::full("alice", "cancelled")).await;
    orders.push(subject.apply(&dead, OrderCommand::Cancel).await);
    orders
}

/// Every field of an order is read as it is stored: of one in each status, and of one that only misses its receipt.
pub async fn an_order_comes_back_whole_whatever_its_status(carrier: &dyn Carrier) {
    let subject = Subject::with_receipt_store(carrier).await;
    for order in one_of_each(&subject).await {
        let read = subject.orders.get(&caller(), order.id).await;
        assert_eq!(read, Ok(Some(Arc::clone(&order))));
        assert_eq!(subject.stored(order.id).await, order);
    }
}

/// An order is found by its id, by its user's number, and by either without its user if only one is meant.
pub async fn an_order_is_found_by_what_names_it(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let alice = subject.place(sample::full("alice", "A-1")).await;
    let bob = subject.place(sample::full("bob", "A-1")).await;
    let only = subject.place(sample::full("bob", "B-1")).await;
    let by = caller();
    let number = sample::external_id("A-1");
    for (user, expected) in [
        (&alice.user_id, Some(&alice)),
        (&bob.user_id, Some(&bob)),
        (&sample::user("carol"), None),
    ] {
        let found = subject.orders.find(&by, user, &number).await;
        assert_eq!(found, Ok(expected.cloned()), "of {user}");
    }
    let unknown = OrderId::new(subject.now(), &alice.user_id, 1 << 2);
    assert_eq!(subject.orders.get(&by, unknown).await, Ok(None));
    for (name, expected) in [
        (alice.id.to_string(), NamedOrder::Order(Arc::clone(&alice))),
        ("B-1".to_owned(), NamedOrder::Order(only)),
        ("A-1".to_owned(), NamedOrder::Several),
        ("C-1".to_owned(), NamedOrder::Unknown),
        (unknown.to_string(), NamedOrder::Unknown),
        (String::new(), NamedOrder::Unknown),
    ] {
        let found = subject.orders.find_by_name(&by, &name).await;
        assert_eq!(found, Ok(expected), "{name:?}");
    }
}

/// The events of an order come with their positions and all that they record, after a version and up to a limit.
pub async fn events_come_back_with_their_positions(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let placed = subject.place(sample::full("alice", "A-1")).await;
    let held = subject.apply(&placed, OrderCommand::Hold).await;
    let released = subject.apply(&held, OrderCommand::Release).await;
    let dead = subject.fail(&released, failure()).await;
    let by = caller();
    let all = subject.store.order_events(dead.id, None, 100).await;
    let all = all.expect("it reads").expect("it is there");
    assert_eq!(all.len(), 5);
    let third = Version::from_number(3);
    for (after, limit, expected) in [
        (None, 100, &all[..]),
        (third, 100, &all[3..]),
        (None, 2, &all[..2]),
        (Some(dead.version), 100, &[]),
    ] {
        let read = subject.orders.events(&by, dead.id, after, limit).await;
        let expected = OrderEvents {
            order: Arc::clone(&dead),
            events: expected.to_vec(),
        };
        assert_eq!(read, Ok(Some(expected)), "after {after:?}, {limit}");
    }
    let unknown = OrderId::new(subject.now(), &dead.user_id, 1 << 2);
    let read = subject.orders.events(&by, unknown, None, 100).await;
    assert_eq!(read, Ok(None));
}

/// A watcher has seen all of an order once the order is final and its last event is not after the cursor.
pub async fn a_watcher_has_seen_all_once_it_is_past_the_last_event(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let waiting = subject.place(sample::plain("alice", 1)).await;
    let order = subject.place(sample::plain("bob", 2)).await;
    subject.apply(&order, OrderCommand::Cancel).await;
    let shard = subject.store.shard_of(order.id.bucket());
    let events = subject.store.order_events(order.id, None, 10).await;
    let events = events.expect("it reads").expect("it is there");
    let last = events[1].position();
    let far = EventPosition {
        seq: Seq(u64::from(u32::MAX) + 7),
        bits: 9,
    };
    let by = caller();
    let others = subject
        .store
        .shards()
        .iter()
        .filter(|other| **other != shard);
    let elsewhere = Cursor::new(others.map(|other| (*other, far)));
    for (id, cursor, expected) in [
        (order.id, Cursor::new([(shard, last)]), true),
        (order.id, Cursor::new([(shard, far)]), true),
        (
            order.id,
            Cursor::new([(shard, events[0].position())]),
            false,
        ),
        (order.id, elsewhere, false),
        (order.id, Cursor::default(), false),
        (waiting.id, Cursor::new([(shard, far)]), false),
    ] {
        let seen = subject.orders.has_seen_all(&by, id, &cursor).await;
        assert_eq!(seen, Ok(expected), "{id} at {cursor:?}");
    }
}

/// The counts are those of each status, and erased orders are counted apart.
pub async fn counts_are_those_of_each_status(carrier: &dyn Carrier) {
    let subject = Subject::with_receipt_store(carrier).await;
    let orders = one_of_each(&subject).await;
    let doomed = subject.place(sample::plain("erin", 1)).await;
    let doomed = subject.apply(&doomed, OrderCommand::Cancel).await;
    let erasure = application::ports::Erasure {
        event: doomed.erase(subject.now()).expect("it is cancelled"),
        version: doomed.version,
        status: doomed.status,
    };
    let erased = subject.store.erase(erasure, caller().deadline).await;
    erased.expect("a healthy store erases");
    let mut expected = Counts::default();
    for status in Status::ALL {
        let count = orders.iter().filter(|order| order.status == status).count();
        expected.set(status, u64::try_from(count).expect("it fits"));
    }
    expected.erased = 1;
    assert_eq!(subject.orders.counts(&caller()).await, Ok(expected));
    assert_eq!(subject.store.counts().await, Ok(expected));
}
