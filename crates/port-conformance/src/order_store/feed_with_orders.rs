//! The feed with the orders of its events: every event that is no tombstone has its order, an erased order comes with no
//! event, and both are of one moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::EventPage;
use domain::{Order, OrderCommand, OrderId, Seq, ShardId};
use tokio::task::JoinSet;

use super::erased_feed::place_and_erase;
use super::subject::Subject;
use super::{LONG, StoreFactory, sample};

const PAGE_LIMITS: [usize; 5] = [1, 2, 3, 7, 1_000];

/// Checks what every page promises; the ids of its orders.
fn check(page: &EventPage) -> BTreeSet<OrderId> {
    let mut ids = BTreeSet::new();
    for found in page
        .events
        .iter()
        .filter(|found| !found.event.is_tombstone())
    {
        let event = &found.event;
        let Some(order) = page.orders.get(&event.order_id) else {
            panic!(
                "an event that is no tombstone has its order: {} of {} has none",
                event.version, event.order_id
            );
        };
        assert_eq!(
            (order.id, Some(&order.user_id)),
            (event.order_id, event.user_id.as_ref()),
            "the order of an event is its own"
        );
        assert!(
            order.version >= event.version,
            "an order is not older than its events"
        );
        ids.insert(event.order_id);
    }
    let with_orders: BTreeSet<OrderId> = page.orders.keys().copied().collect();
    assert_eq!(
        with_orders, ids,
        "a page has the orders of its events and no others"
    );
    ids
}

/// Reads the whole feed in pages, each checked and compared with what the store reads otherwise.
async fn check_feed(subject: &Subject, shard: ShardId, page_limit: usize) -> BTreeSet<OrderId> {
    let (mut after, mut seen) = (Seq(0), BTreeSet::new());
    loop {
        let page = subject
            .events_and_orders_after(shard, after, page_limit)
            .await;
        let alone = subject.events_after(shard, after, page_limit).await;
        assert!(alone.orders.is_empty(), "orders come if they are asked for");
        assert_eq!((&page.events, page.head), (&alone.events, alone.head));
        let Some(last) = page.events.last() else {
            return seen;
        };
        after = last.seq;
        seen.extend(check(&page));
        for (id, order) in &page.orders {
            assert_eq!(*order, subject.get(*id).await, "an order comes whole");
        }
    }
}

/// Orders of one user with several events each, some of which can be erased.
async fn fill(subject: &Subject) -> (Vec<Arc<Order>>, Vec<Arc<Order>>) {
    let (mut ended, mut living) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let command = sample::full("alice", &format!("A-{number}"));
        let claimed = subject.place_and_claim(&command, LONG).await;
        let retrying = subject.retry(&claimed, Duration::ZERO).await;
        let claimed = subject.claim_only(retrying.id, LONG).await;
        ended.push(subject.fail(&claimed, "handler_rejected").await);
        let (placed, _) = subject.place(&sample::plain("alice", number)).await;
        living.push(subject.apply(&placed, OrderCommand::Hold).await);
    }
    (ended, living)
}

/// A page has the present order of each of its events, whole and once.
pub async fn events_come_with_their_orders(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (ended, living) = fill(&subject).await;
    let shard = subject.shard_of(&sample::user("alice"));
    let all: BTreeSet<OrderId> = ended.iter().chain(&living).map(|order| order.id).collect();
    for page_limit in PAGE_LIMITS {
        assert_eq!(check_feed(&subject, shard, page_limit).await, all);
    }
    let subject = subject.reopen().await;
    assert_eq!(check_feed(&subject, shard, 5).await, all);
    let head = subject.head(shard).await;
    let empty = subject.events_and_orders_after(shard, head, 10).await;
    assert_eq!((empty.events.len(), empty.orders.len()), (0, 0));
}

/// The facts of an erased order come with none of its tombstones, in this process and in the next one.
pub async fn an_erased_order_comes_with_no_event(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (ended, living) = fill(&subject).await;
    let shard = subject.shard_of(&sample::user("alice"));
    for order in &ended {
        subject.erase(order).await;
    }
    let left: BTreeSet<OrderId> = living.iter().map(|order| order.id).collect();
    for page_limit in PAGE_LIMITS {
        assert_eq!(check_feed(&subject, shard, page_limit).await, left);
    }
    let subject = subject.reopen().await;
    assert_eq!(check_feed(&subject, shard, 5).await, left);
}

/// Whatever is erased while a page is read, each of its events is a tombstone or has its order.
pub async fn events_and_their_orders_are_of_one_moment(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let is_done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for shard in subject.store.shards().iter().copied() {
        for page_limit in [2, 25, 500] {
            let (subject, is_done) = (Arc::clone(&subject), Arc::clone(&is_done));
            readers.spawn(async move {
                while !is_done.load(Ordering::SeqCst) {
                    let mut after = Seq(0);
                    loop {
                        let page = subject
                            .events_and_orders_after(shard, after, page_limit)
                            .await;
                        check(&page);
                        match page.events.last() {
                            Some(last) => after = last.seq,
                            None => break,
                        }
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
    }
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        writers.spawn(place_and_erase(Arc::clone(&subject), writer));
    }
    let mut failure = None;
    while let Some(ended) = writers.join_next().await {
        failure = failure.or(ended.err());
    }
    is_done.store(true, Ordering::SeqCst);
    while let Some(ended) = readers.join_next().await {
        failure = failure.or(ended.err());
    }
    if let Some(error) = failure {
        std::panic::resume_unwind(error.into_panic());
    }
}
