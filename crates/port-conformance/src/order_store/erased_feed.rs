//! The feed after orders were erased: every event keeps its position, its order's facts are gone, and no reader misses
//! an event of another order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::SequencedEvent;
use domain::{Cause, EventType, HistoryStatus, Order, OrderCommand, OrderId, Seq, ShardId};
use tokio::task::JoinSet;

use super::events::Follower;
use super::subject::{Subject, decide_history, write_new};
use super::{LONG, StoreFactory, sample};

const PAGE_LIMITS: [usize; 7] = [1, 2, 3, 5, 7, 24, 1_000];

/// The feed of a shard, read in pages of `page_limit`.
async fn read_feed(subject: &Subject, shard: ShardId, page_limit: usize) -> Vec<SequencedEvent> {
    let mut follower = Follower::new(&subject.store, shard, page_limit);
    while follower.read_on().await {}
    follower.seen
}

/// What the feed must show once the orders of `erased` are erased.
fn with_tombstones(feed: &[SequencedEvent], erased: &[OrderId]) -> Vec<SequencedEvent> {
    let mut expected = feed.to_vec();
    for found in &mut expected {
        if erased.contains(&found.event.order_id) {
            found.event = Arc::new(found.event.tombstone());
        }
    }
    expected
}

async fn feed_is(subject: &Subject, shard: ShardId, expected: &[SequencedEvent], what: &str) {
    for page_limit in PAGE_LIMITS {
        let feed = read_feed(subject, shard, page_limit).await;
        let positions = |feed: &[SequencedEvent]| -> Vec<_> {
            feed.iter().map(SequencedEvent::position).collect()
        };
        assert_eq!(
            positions(&feed),
            positions(expected),
            "{what}, pages of {page_limit}: a tombstone keeps its position, number and bits"
        );
        assert_eq!(feed, expected, "{what}, pages of {page_limit}");
    }
}

/// Readers page through tombstones at the beginning, in the middle and at the end of a page, through pages of nothing
/// but tombstones, and from any position among them; what follows is never lost.
pub async fn a_feed_pages_through_tombstones(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut orders = Vec::new();
    for number in 0..12 {
        let command = sample::full("alice", &format!("A-{number}"));
        let (placed, _) = subject.place(&command).await;
        orders.push(placed);
    }
    for order in &mut orders {
        *order = subject.apply(order, OrderCommand::Cancel).await;
    }
    let shard = subject.shard_of(&orders[0].user_id);
    let mut feed = read_feed(&subject, shard, 1_000).await;
    assert_eq!(feed.len(), 24);
    let mut erased = Vec::new();
    // The first, the last, neighbours in the middle, then all that is left.
    let sequence = [0, 11, 5, 6, 7, 4, 1, 2, 3, 8, 9, 10];
    for (round, index) in sequence.into_iter().enumerate() {
        let order = &orders[index];
        let erasure = subject.erasure(order);
        let position = subject.must_erase(erasure.clone()).await;
        erased.push(order.id);
        feed = with_tombstones(&feed, &erased);
        feed.push(SequencedEvent {
            seq: position.seq,
            bits: position.bits,
            event: Arc::new(erasure.event),
        });
        feed_is(&subject, shard, &feed, &format!("round {round}")).await;
    }
    assert_eq!(
        subject.events_after(shard, Seq(0), 1).await.head,
        feed[35].position(),
        "the head is the last erasure"
    );
    let subject = subject.reopen().await;
    feed_is(&subject, shard, &feed, "in the next process").await;
    for (index, found) in feed.iter().enumerate() {
        let before = subject.events_after(shard, Seq(found.seq.0 - 1), 2).await;
        let end = (index + 2).min(feed.len());
        assert_eq!(before.events, feed[index..end], "from seq {index} on");
    }
    let (placed, seq) = subject.place(&sample::plain("alice", 99)).await;
    assert_eq!(seq, Seq(37), "numbers go on without a gap");
    let page = subject.events_after(shard, Seq(36), 10).await;
    assert_eq!(page.events[0].event.order_id, placed.id);
}

/// Whatever an order's events said of people (its user, failures, requests, actors, reasons) is gone from its
/// tombstones. Which change it was, when, and whether it was history stays.
pub async fn tombstones_hold_nothing_personal(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::full("bob", "B-1"), LONG)
        .await;
    let retrying = subject.retry(&claimed, Duration::ZERO).await;
    let claimed = subject.claim_only(retrying.id, LONG).await;
    let dead = subject.fail(&claimed, "handler_rejected").await;
    let replayed = subject.apply(&dead, OrderCommand::Replay).await;
    let held = subject.apply(&replayed, OrderCommand::Hold).await;
    let cancelled = subject.apply(&held, OrderCommand::Cancel).await;
    let command = sample::full("bob", "B-2");
    let then = sample::time("2011-11-11T11:11:11.111Z");
    let history = decide_history(&command, then, HistoryStatus::Processed);
    let imported = Arc::clone(&history.order);
    subject
        .must_write(write_new(history, &command, Some("key")))
        .await;
    let shard = subject.shard_of(&imported.user_id);
    let before = read_feed(&subject, shard, 1_000).await;
    assert!(before.iter().any(|found| found.event.failure.is_some()));
    assert!(
        before
            .iter()
            .any(|found| found.event.cause.reason.is_some())
    );
    subject.erase(&cancelled).await;
    subject.erase(&imported).await;
    nothing_personal(&subject, shard, &before).await;
    let subject = subject.reopen().await;
    nothing_personal(&subject, shard, &before).await;
}

async fn nothing_personal(subject: &Subject, shard: ShardId, before: &[SequencedEvent]) {
    let after = read_feed(subject, shard, 3).await;
    for found in &after {
        let event = &found.event;
        assert_eq!(
            (&event.user_id, &event.failure, &event.cause),
            (&None, &None, &Cause::default()),
            "nothing personal is left in a tombstone"
        );
        assert_eq!(event.retry_at, None);
        assert!(event.is_tombstone());
    }
    let kept: Vec<_> = after.iter().take(before.len()).collect();
    for (then, now) in before.iter().zip(kept) {
        assert_eq!(
            (now.position(), &*now.event),
            (then.position(), &then.event.tombstone())
        );
    }
    let last: Vec<EventType> = after[before.len()..]
        .iter()
        .map(|found| found.event.event_type)
        .collect();
    assert_eq!(last, [EventType::Erased, EventType::Erased]);
}

/// Places orders of one user, cancels them and erases most of them.
pub(super) async fn place_and_erase(subject: Arc<Subject>, writer: u64) {
    for number in 0..12 {
        let command = sample::plain(&format!("user-{}", writer % 3), number);
        let (placed, _) = subject.place(&command).await;
        let cancelled: Arc<Order> = subject.apply(&placed, OrderCommand::Cancel).await;
        if number % 4 != 0 {
            subject.erase(&cancelled).await;
        }
    }
}

/// Followers of a feed see every change of every order once while orders are erased under them, as tombstones or as
/// they were.
pub async fn followers_miss_nothing_while_orders_are_erased(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let is_done = Arc::new(AtomicBool::new(false));
    let mut followers = JoinSet::new();
    for shard in subject.store.shards().iter().copied() {
        for page_limit in [1, 7, 500] {
            let (subject, is_done) = (Arc::clone(&subject), Arc::clone(&is_done));
            followers.spawn(async move {
                let mut follower = Follower::new(&subject.store, shard, page_limit);
                loop {
                    let is_last_round = is_done.load(Ordering::SeqCst);
                    while follower.read_on().await {}
                    if is_last_round {
                        return (shard, follower.seen);
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
    while let Some(ended) = followers.join_next().await {
        match ended {
            Ok((shard, seen)) => saw_everything(&subject, shard, &seen).await,
            Err(error) => failure = Some(error),
        }
    }
    if let Some(error) = failure {
        std::panic::resume_unwind(error.into_panic());
    }
    let counts = subject.counts().await;
    assert_eq!((counts.accepted(), counts.erased), (18, 54));
}

async fn saw_everything(subject: &Subject, shard: ShardId, seen: &[SequencedEvent]) {
    let now = read_feed(subject, shard, 1_000).await;
    let without_facts = |feed: &[SequencedEvent]| -> Vec<_> {
        feed.iter()
            .map(|found| (found.position(), found.event.tombstone()))
            .collect()
    };
    assert_eq!(
        without_facts(seen),
        without_facts(&now),
        "a follower saw every change at its position"
    );
    let mut versions: BTreeMap<OrderId, u32> = BTreeMap::new();
    for found in seen {
        let version = versions.entry(found.event.order_id).or_default();
        *version += 1;
        assert_eq!(found.event.version.get(), *version);
    }
}
