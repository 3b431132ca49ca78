//! Settling: due orders are claimed and decided about in one transaction, with everything that belongs to both steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, Guard, Settle, Write};
use domain::{EventType, Failure, Order, OrderId, Receipt, Status, Steering, Timestamp};
use tokio::task::JoinSet;

use super::isolation::place_suspect;
use super::subject::{Subject, deadline, versions, write_at, written};
use super::{LONG, StoreFactory, sample};

/// Completes every order.
struct Complete(Timestamp);

impl Settle for Complete {
    fn settle(&self, claimed: &Order) -> Write {
        let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
        let decision = claimed.complete(None, receipt_key, self.0);
        write_at(claimed, decision.expect("a claimed order can be completed"))
    }
}

/// Sends every order back, due after this time.
struct SendBack(Timestamp, Duration);

impl Settle for SendBack {
    fn settle(&self, claimed: &Order) -> Write {
        let failure = Failure::new("timeout", "said the test");
        let decision = claimed.retry(failure, self.1, self.0);
        write_at(claimed, decision.expect("a claimed order can be retried"))
    }
}

async fn settle_all(subject: &Subject, settle: Arc<dyn Settle>) -> Vec<Arc<Order>> {
    let mut settled = Vec::new();
    for shard in subject.store.shards() {
        let batch = subject.store.settle(*shard, 100, Arc::clone(&settle)).await;
        settled.extend(batch.expect("a healthy store settles"));
    }
    settled
}

pub(super) fn complete(subject: &Subject) -> Arc<dyn Settle> {
    Arc::new(Complete(subject.now()))
}

/// Claim and outcome are written together: both versions, both events in their order, no work left.
pub async fn a_settled_order_is_final_with_its_events(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (placed, seq) = subject.place(&sample::full("alice", "A-1")).await;
    let shard = subject.shard_of(&placed.user_id);
    let settled = settle_all(&subject, complete(&subject)).await;
    let ids: Vec<OrderId> = settled.iter().map(|order| order.id).collect();
    assert_eq!(ids, [placed.id], "what is due is settled");
    assert_eq!(settled[0].status, Status::Processed);
    assert_eq!((settled[0].version.get(), settled[0].attempt), (3, 1));
    assert_eq!(
        subject.get(placed.id).await,
        settled[0],
        "stored as it was returned"
    );
    let events = subject.events(placed.id).await;
    assert_eq!(versions(&events), [1, 2, 3], "no version is left out");
    let types: Vec<EventType> = events.iter().map(|found| found.event.event_type).collect();
    assert_eq!(types[1..], [EventType::Processing, EventType::Processed]);
    let page = subject.events_after(shard, seq, 10).await;
    assert_eq!(page.events, events[1..], "in the shard's order, too");
    let counts = subject.counts().await;
    assert_eq!((counts.get(Status::Processed), counts.accepted()), (1, 1));
    assert_eq!(subject.next_due(shard).await, None);
    assert!(
        settle_all(&subject, complete(&subject)).await.is_empty(),
        "once"
    );
    let subject = subject.reopen().await;
    assert_eq!(subject.get(placed.id).await, settled[0], "durable");
    assert!(
        subject.claim_all(LONG).await.is_empty(),
        "the next process finds no work"
    );
}

/// What an outcome leaves to be done is due at its time, and is settled again then.
pub async fn a_settled_retry_is_due_at_its_time(factory: &dyn StoreFactory) {
    /// More than a busy machine needs to look at it before its time.
    const DELAY: Duration = Duration::from_secs(3);
    let subject = Subject::fresh(factory).await;
    let (placed, _) = subject.place(&sample::plain("bob", 1)).await;
    let back = settle_all(&subject, Arc::new(SendBack(subject.now(), DELAY))).await;
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].status, back[0].attempt), (Status::Retrying, 1));
    assert!(
        settle_all(&subject, complete(&subject)).await.is_empty(),
        "not before its time"
    );
    subject.pass(DELAY).await;
    let settled = settle_all(&subject, complete(&subject)).await;
    assert_eq!(settled.len(), 1, "at its time");
    assert_eq!(
        (settled[0].status, settled[0].attempt),
        (Status::Processed, 2)
    );
    let events = subject.events(placed.id).await;
    assert_eq!(versions(&events), [1, 2, 3, 4, 5]);
    assert_eq!(
        subject.next_due(subject.shard_of(&placed.user_id)).await,
        None
    );
}

/// An order that waits for its time is settled at it and not before.
pub async fn an_order_is_settled_at_its_time(factory: &dyn StoreFactory) {
    /// More than a busy machine needs to look at it before its time.
    const DELAY: Duration = Duration::from_secs(2);
    let subject = Subject::fresh(factory).await;
    let later = sample::later("erin", 1, subject.now().saturating_add(DELAY));
    let (placed, _) = subject.place(&later).await;
    assert!(
        settle_all(&subject, complete(&subject)).await.is_empty(),
        "an order is not settled before its time"
    );
    subject.pass(DELAY).await;
    let settled = settle_all(&subject, complete(&subject)).await;
    assert_eq!(settled.len(), 1, "at its time");
    assert_eq!(
        (settled[0].id, settled[0].status),
        (placed.id, Status::Processed)
    );
}

/// A crash within the transaction loses no lease: what runs alone is settled as everything else.
pub async fn an_order_that_runs_alone_is_settled_with_the_others(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let suspect = place_suspect(&subject, &sample::plain("judy", 1), Duration::ZERO).await;
    let (fresh, _) = subject.place(&sample::plain("judy", 2)).await;
    let settled = settle_all(&subject, complete(&subject)).await;
    let ids: BTreeSet<OrderId> = settled.iter().map(|order| order.id).collect();
    assert_eq!(ids, BTreeSet::from([suspect.id, fresh.id]));
    let shard = subject.shard_of(&suspect.user_id);
    assert_eq!(subject.next_due(shard).await, None);
}

/// What is held, cancelled or claimed is not settled.
pub async fn only_work_that_waits_is_settled(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::plain("carol", 1), LONG)
        .await;
    let (to_hold, _) = subject.place(&sample::plain("carol", 2)).await;
    let (to_cancel, _) = subject.place(&sample::plain("carol", 3)).await;
    let held = subject.steer(&to_hold, Steering::Hold).await;
    let cancelled = subject.steer(&to_cancel, Steering::Cancel).await;
    assert!(settle_all(&subject, complete(&subject)).await.is_empty());
    for order in [&claimed, &held, &cancelled] {
        assert_eq!(subject.get(order.id).await, *order, "untouched");
    }
    let released = subject.steer(&held, Steering::Release).await;
    let settled = settle_all(&subject, complete(&subject)).await;
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].id, released.id);
    subject.complete(&claimed).await;
}

/// Settlers and claimers at once, in as many processes as there may be: each order is worked on once.
pub async fn settling_and_claiming_share_no_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let processes: Vec<&Subject> = std::iter::once(&subject).chain(&second).collect();
    let writes: Vec<Write> = (0..200)
        .map(|number| {
            let user_id = format!("user-{}", number % 8);
            subject.new_write(&sample::plain(&user_id, number), None)
        })
        .collect();
    let placed: BTreeSet<OrderId> = writes.iter().map(|write| write.decision.order.id).collect();
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "an order to settle");
    }
    let mut workers = JoinSet::new();
    for worker in 0..6 {
        let process = processes[worker % processes.len()];
        let (store, settle) = (Arc::clone(&process.store), complete(process));
        workers.spawn(async move {
            let mut mine = Vec::new();
            // Bounded, so that a store which hands out work for ever fails instead of hanging.
            for round in 0..60 {
                for shard in store.shards() {
                    let taken = if (worker + round) % 2 == 0 {
                        store.settle(*shard, 7, Arc::clone(&settle)).await
                    } else {
                        store.claim(*shard, ClaimLimits::any(7), LONG).await
                    };
                    mine.extend(taken.expect("a healthy store gives work"));
                }
            }
            mine
        });
    }
    let taken: Vec<Arc<Order>> = workers.join_all().await.into_iter().flatten().collect();
    let ids: BTreeSet<OrderId> = taken.iter().map(|order| order.id).collect();
    assert_eq!(taken.len(), ids.len(), "no order is given to two workers");
    assert_eq!(ids, placed, "and none is left");
    for order in &taken {
        assert_eq!(subject.get(order.id).await, *order);
        let events = subject.events(order.id).await;
        assert_eq!(events.len(), order.version.get() as usize, "gapless");
    }
}

/// The guard of the order before its claim holds: an order that changes meanwhile is settled in its current state or not at all.
pub async fn settling_and_a_cancellation_exclude_each_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for number in 0..30 {
        let (placed, _) = subject.place(&sample::plain("dave", number)).await;
        let shard = subject.shard_of(&placed.user_id);
        let cancel = placed
            .steer(Steering::Cancel, subject.now(), domain::Cause::default())
            .expect("a pending order can be cancelled");
        let write = Write {
            guard: Guard::At {
                version: placed.version,
                status: placed.status,
            },
            decision: cancel,
        };
        let (settled, cancelled) = tokio::join!(
            subject.store.settle(shard, 10, complete(&subject)),
            subject.commit_one(write)
        );
        let settled = settled.expect("a healthy store settles").len();
        assert_eq!(
            (settled, cancelled.is_ok()),
            if settled == 1 { (1, false) } else { (0, true) },
            "exactly one of the two happened"
        );
        let now = subject.get(placed.id).await;
        let expected = if settled == 1 {
            Status::Processed
        } else {
            Status::Cancelled
        };
        assert_eq!(now.status, expected);
    }
}
