//! Erasing an order: nothing of it is found, listed, counted or claimed any more, its names are free, and only an order
//! that is as the erasure was decided from is erased. What the feed shows of it is in `erased_feed`.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Committed, Deadline, Erasure, ListFilter, StoreError};
use domain::{
    Cause, EventPosition, HistoryStatus, Order, OrderCommand, PlaceOrder, ReceiptLocation, Status,
    Version,
};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline, decide_history, write_at, write_new, written};
use super::{IndexCommand, LONG, StoreFactory, sample};

/// The way in which an order came to its end.
#[derive(Debug, Clone, Copy)]
enum End {
    Processed,
    Cancelled,
    Failed,
    Discarded,
}

const ENDS: [End; 4] = [End::Processed, End::Cancelled, End::Failed, End::Discarded];

/// Places an order with a key and brings it to its end; there must be no other work.
async fn bring_to_end(subject: &Subject, command: &PlaceOrder, key: &str, end: End) -> Arc<Order> {
    let write = subject.new_write(command, Some(key));
    let placed = Arc::clone(&write.decision.order);
    written(
        subject.commit_one(write).await,
        "an order whose key and external id are free",
    );
    if matches!(end, End::Cancelled) {
        return subject.apply(&placed, OrderCommand::Cancel).await;
    }
    let claimed = subject.claim_only(placed.id, LONG).await;
    if matches!(end, End::Processed) {
        return subject.complete(&claimed).await;
    }
    let dead = subject.fail(&claimed, "handler_rejected").await;
    if matches!(end, End::Failed) {
        dead
    } else {
        subject.apply(&dead, OrderCommand::Discard).await
    }
}

/// Orders of one user that can be erased: one of each end, and history of both kinds.
async fn erasable_orders(subject: &Subject, user_id: &str) -> Vec<Arc<Order>> {
    let mut orders = Vec::new();
    for (number, end) in ENDS.into_iter().enumerate() {
        let command = sample::full(user_id, &format!("E-{number}"));
        orders.push(bring_to_end(subject, &command, &format!("key-{number}"), end).await);
    }
    for status in [HistoryStatus::Processed, HistoryStatus::Cancelled] {
        let command = sample::full(user_id, &format!("H-{status:?}"));
        let then = sample::time("2011-11-11T11:11:11.111Z");
        let decision = decide_history(&command, then, status);
        orders.push(Arc::clone(&decision.order));
        subject
            .must_write(write_new(
                decision,
                &command,
                Some(&format!("H-{status:?}")),
            ))
            .await;
    }
    orders
}

/// Nothing that reads by an order's id or names finds it.
async fn is_gone(subject: &Subject, order: &Order) {
    let id = order.id;
    assert_eq!(
        subject.find_by_id(id).await,
        None,
        "an erased order is not found by its id"
    );
    let external_id = order.external_id.as_ref().expect("it has one");
    let found = subject.store.find(&order.user_id, external_id).await;
    assert_eq!(
        found,
        Ok(None),
        "an erased order is not found by its external id"
    );
    for after in [None, Some(Version::FIRST), Some(order.version)] {
        let events = subject.store.order_events(id, after, 10).await;
        assert_eq!(events, Ok(None), "an erased order has no events");
    }
    let filters = [
        ListFilter::default(),
        ListFilter {
            user_id: Some(order.user_id.clone()),
            ..ListFilter::default()
        },
        ListFilter {
            status: Some(order.status),
            ..ListFilter::default()
        },
        ListFilter {
            external_id: Some(external_id.clone()),
            ..ListFilter::default()
        },
        ListFilter {
            text_prefix: Some("Mechanical".to_owned()),
            ..ListFilter::default()
        },
        ListFilter {
            failure_code: Some("handler_rejected".to_owned()),
            ..ListFilter::default()
        },
        ListFilter {
            created_from: Some(order.created_at),
            ..ListFilter::default()
        },
    ];
    for filter in filters {
        let listed = subject.list(filter.clone()).await;
        assert!(
            listed.iter().all(|found| found.id != id),
            "an erased order is in no list, but {filter:?} shows it"
        );
    }
}

/// PROCESSED, CANCELLED and FAILED orders, and history, are gone once they are erased, to this process and the next.
/// They are in no count but `erased`. Other orders of the user stay as they are.
pub async fn an_erased_order_is_gone(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let orders = erasable_orders(&subject, "alice").await;
    let (kept, _) = subject.place(&sample::numbered("alice", 7, "KEPT")).await;
    let shard = subject.shard_of(&kept.user_id);
    let mut expected = subject.counts().await;
    assert_eq!(expected.erased, 0);
    for order in &orders {
        let head = subject.head(shard).await;
        let position = subject.erase(order).await;
        assert_eq!(position.seq.0, head.0 + 1, "an erasure is one event");
        is_gone(&subject, order).await;
        expected.set(order.status, expected.get(order.status) - 1);
        expected.erased += 1;
        assert_eq!(
            subject.counts().await,
            expected,
            "an erased order is in no count but its own"
        );
    }
    let subject = subject.reopen().await;
    for order in &orders {
        is_gone(&subject, order).await;
    }
    assert_eq!(subject.counts().await, expected, "in the next process");
    assert_eq!(
        subject.list(ListFilter::default()).await,
        [Arc::clone(&kept)]
    );
    subject.claim_only(kept.id, LONG).await;
    assert_eq!(subject.next_due(shard).await, None);
    let shards = subject.store.shards().to_vec();
    for shard in shards {
        assert_eq!(subject.claim_alone_from(shard, LONG).await, None);
    }
}

/// The key and the external id of an erased order can name another one at once, again and again, whatever an index in
/// the background is doing; then they are that order's.
pub async fn the_names_of_an_erased_order_are_free(factory: &dyn StoreFactory) {
    let mut subject = Subject::fresh(factory).await;
    let commands = [
        None,
        Some(IndexCommand::Pause),
        Some(IndexCommand::Resume),
        Some(IndexCommand::Rebuild),
    ];
    let mut amount = 0;
    for (round, (end, command)) in ENDS.into_iter().zip(commands).enumerate() {
        amount += 1;
        let body = sample::numbered("bob", amount, "B-1");
        let order = bring_to_end(&subject, &body, "key-1", end).await;
        if let Some(command) = command {
            subject.opened.index(command).await;
        }
        subject.erase(&order).await;
        is_gone(&subject, &order).await;
        if round % 2 == 1 {
            subject = subject.reopen().await;
        }
        amount += 1;
        let other = sample::numbered("bob", amount, "B-1");
        let write = subject.new_write(&other, Some("key-1"));
        let next = Arc::clone(&write.decision.order);
        match subject.commit_one(write).await {
            Ok(Committed::Written { .. }) => {}
            Err(CommitError::ExternalIdTaken) => {
                panic!("the external id of an erased order is free, but it was refused as taken")
            }
            answer => panic!("the key of an erased order is free, but the answer is {answer:?}"),
        }
        belong_to(&subject, &next, &other, &body).await;
        let cancelled = subject.apply(&next, OrderCommand::Cancel).await;
        subject.erase(&cancelled).await;
    }
    assert_eq!(subject.counts().await.erased, 8);
}

/// The names of `order` lead to it alone: `erased` is the body of the order that had them before.
async fn belong_to(subject: &Subject, order: &Arc<Order>, body: &PlaceOrder, erased: &PlaceOrder) {
    let answer = async |body: &PlaceOrder, key| {
        let write = subject.new_write(body, key);
        subject.commit_one(write).await
    };
    assert_eq!(
        answer(body, Some("key-1")).await,
        Ok(Committed::Replayed(Arc::clone(order)))
    );
    assert_eq!(
        answer(body, None).await,
        Ok(Committed::Existing(Arc::clone(order)))
    );
    assert_eq!(
        answer(erased, Some("key-1")).await,
        Err(CommitError::KeyReused)
    );
    assert_eq!(
        answer(erased, None).await,
        Err(CommitError::ExternalIdTaken)
    );
    let external_id = sample::external_id("B-1");
    let found = subject.store.find(&order.user_id, &external_id).await;
    assert_eq!(found, Ok(Some(Arc::clone(order))));
}

/// An erasure that was decided from another version or status, of an unknown order, or that has expired, changes
/// nothing. An erased order cannot be erased or changed again, and no order takes its id.
pub async fn an_erasure_is_guarded(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let failed = subject
        .place_and_claim(&sample::full("carol", "C-1"), LONG)
        .await;
    let failed = subject.fail(&failed, "handler_rejected").await;
    let before = subject.erasure(&failed);
    let replayed = subject.apply(&failed, OrderCommand::Replay).await;
    refuses(&subject, before, "an older version", &replayed).await;
    let dead = subject.claim_only(replayed.id, LONG).await;
    let dead = subject.fail(&dead, "handler_rejected").await;
    let now = subject.erasure(&dead);
    let other_status = Erasure {
        status: Status::Processed,
        ..now.clone()
    };
    refuses(&subject, other_status, "another status", &dead).await;
    let future = Erasure {
        version: dead.version.next(),
        ..now.clone()
    };
    refuses(&subject, future, "a version to come", &dead).await;
    let unknown = subject.decide(&sample::plain("carol", 1)).order;
    let mut of_unknown = now.clone();
    of_unknown.event.order_id = unknown.id;
    refuses(&subject, of_unknown, "an unknown order", &dead).await;
    let expired = subject.store.erase(now.clone(), past()).await;
    assert_eq!(expired, Err(CommitError::Store(StoreError::Expired)));
    assert_eq!(subject.get(dead.id).await, dead, "nothing was begun");

    subject.erase(&dead).await;
    let shard = subject.shard_of(&dead.user_id);
    let (head, counts) = (subject.head(shard).await, subject.counts().await);
    let again = subject.store.erase(now, deadline()).await;
    assert_eq!(again, Err(CommitError::Stale), "an order is erased once");
    let replay = dead.apply(OrderCommand::Replay, subject.now(), Cause::default());
    let replay = write_at(&dead, replay.expect("a failed order can be replayed"));
    assert_eq!(
        subject.commit_one(replay).await,
        Err(CommitError::Stale),
        "an erased order is not changed"
    );
    let command = sample::plain("carol", 2);
    let (now, rendered) = (subject.now(), ReceiptLocation::Rendered);
    let same_id = Order::place(command.clone(), dead.id, now, Cause::default(), rendered);
    let answer = subject.commit_one(write_new(same_id, &command, None)).await;
    assert!(
        matches!(answer, Err(CommitError::Refused(_) | CommitError::Stale)),
        "the id of an erased order is never used again: {answer:?}"
    );
    assert_eq!(subject.find_by_id(dead.id).await, None);
    assert_eq!(subject.head(shard).await, head, "no event was written");
    assert_eq!(subject.counts().await, counts);
}

fn past() -> Deadline {
    Deadline::now() - Duration::from_millis(1)
}

async fn refuses(subject: &Subject, erasure: Erasure, what: &str, current: &Arc<Order>) {
    let shard = subject.shard_of(&current.user_id);
    let (head, counts) = (subject.head(shard).await, subject.counts().await);
    let answer = subject.store.erase(erasure, deadline()).await;
    assert_eq!(
        answer,
        Err(CommitError::Stale),
        "an erasure is guarded by version and status: {what}"
    );
    assert_eq!(subject.get(current.id).await, *current, "{what}");
    assert_eq!(subject.head(shard).await, head, "{what}: no event");
    assert_eq!(subject.counts().await, counts, "{what}");
}

/// Of many erasures, replays and discards of one version, in as many processes as there may be, exactly one is done.
pub async fn an_erasure_and_a_change_exclude_each_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    for round in 0..5 {
        let claimed = subject
            .place_and_claim(&sample::plain("dave", round), LONG)
            .await;
        let dead = subject.fail(&claimed, "handler_rejected").await;
        let mut calls = JoinSet::new();
        for number in 0..24 {
            let process = second
                .as_ref()
                .filter(|_| number % 2 == 0)
                .unwrap_or(&subject);
            let store = Arc::clone(&process.store);
            let (erasure, now) = (subject.erasure(&dead), subject.now());
            let command = match number % 3 {
                0 => None,
                1 => Some(OrderCommand::Replay),
                _ => Some(OrderCommand::Discard),
            };
            let dead = Arc::clone(&dead);
            calls.spawn(async move {
                let Some(command) = command else {
                    let erased = store.erase(erasure, deadline()).await;
                    return (None, erased.map(|EventPosition { seq, .. }| seq));
                };
                let decision = dead.apply(command, now, Cause::default());
                let decision = decision.expect("a failed order can be replayed and discarded");
                let after = Arc::clone(&decision.order);
                let write = write_at(&dead, decision);
                let answer = store.commit(vec![write], deadline()).await.remove(0);
                let seq = answer.map(|answer| written(Ok(answer), "a change of a dead letter"));
                (Some(after), seq)
            });
        }
        let mut winners = Vec::new();
        while let Some(call) = calls.join_next().await {
            match call.expect("a store does not panic") {
                (after, Ok(_)) => winners.push(after),
                (_, Err(CommitError::Stale)) => {}
                (_, Err(error)) => panic!("neither done nor stale: {error}"),
            }
        }
        assert_eq!(winners.len(), 1, "exactly one of them is done");
        assert_eq!(
            subject.find_by_id(dead.id).await,
            winners[0],
            "and the order follows it"
        );
        // Leaves no work for the next round.
        if let Some(order) = &winners[0]
            && order.status == Status::Pending
        {
            subject.apply(order, OrderCommand::Cancel).await;
        }
    }
}
