//! Lanes: which one an order waits in, how they share a claim, and what a store tells of each.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, NextDue, RescuePolicy};
use domain::{Lane, Order, OrderCommand, ShardId, Status};

use super::isolation::place_suspect;
use super::lane_stock::{
    GAP, Stock, await_receipts, claim_from_lane, claim_within, ids, limits, only,
};
use super::leases::rescue;
use super::subject::Subject;
use super::{LONG, SHORT, StoreFactory, sample};

/// What [`NextDue`] says if this lane alone has work.
fn due_in(lane: Lane, wait: Duration) -> NextDue {
    let mut due = NextDue::default();
    due.lanes[lane.index()] = Some(wait);
    due
}

/// Claims the only order that is due, and sees to it that it waits in this lane alone.
async fn claim_from(subject: &Subject, order: &Order, lane: Lane, what: &str) -> Arc<Order> {
    let shard = subject.shard_of(&order.user_id);
    assert_eq!(
        subject.next_dues(shard).await,
        due_in(lane, Duration::ZERO),
        "{what} is due in its lane"
    );
    for other in Lane::ALL.into_iter().filter(|other| *other != lane) {
        let claimed = claim_from_lane(subject, shard, other, 10).await;
        assert!(claimed.is_empty(), "{what} is not in lane {other:?}");
    }
    let claimed = claim_from_lane(subject, shard, lane, 10).await;
    let found: Vec<_> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(found, [order.id], "{what} is in lane {lane:?}");
    Arc::clone(&claimed[0])
}

/// No lane gets more than its share while another one has due work; what a lane leaves goes to the others, up to the most
/// that each may have.
pub async fn a_lane_gets_its_share_and_what_the_others_leave(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let stock = Stock::due(&subject, 3).await;
    let claim = async |limits| stock.count(&claim_within(&subject, stock.shard, limits).await);
    assert_eq!(
        claim(limits(9, [(6, 9), (2, 9), (1, 9)])).await,
        [6, 2, 1],
        "a lane gets its share while the others have due work"
    );
    assert_eq!(
        claim(limits(7, [(1, 7), (1, 7), (5, 7)])).await,
        [1, 1, 5],
        "whichever lane has the larger share"
    );
    assert_eq!(
        claim(limits(12, [(8, 12), (2, 12), (2, 12)])).await,
        [5, 4, 3],
        "what a lane leaves goes to the others"
    );
    assert_eq!(
        claim(limits(20, [(10, 20), (0, 3), (0, 20)])).await,
        [0, 3, 3],
        "but no lane gets more than it may have"
    );
    assert_eq!(claim(ClaimLimits::any(20)).await, [0, 2, 0]);
    assert_eq!(claim(ClaimLimits::any(20)).await, [0, 0, 0]);
}

/// A lane that may give nothing gives nothing, even if nothing else is due.
pub async fn a_lane_that_may_give_nothing_gives_nothing(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let stock = Stock::due(&subject, 1).await;
    let claim = async |limits| stock.count(&claim_within(&subject, stock.shard, limits).await);
    assert_eq!(claim(limits(9, [(0, 0); 3])).await, [0, 0, 0]);
    assert_eq!(
        claim(only(Lane::Fresh, 9)).await,
        [4, 0, 0],
        "a lane that may give nothing gives nothing"
    );
    assert_eq!(claim(only(Lane::Fresh, 9)).await, [0, 0, 0]);
    assert_eq!(claim(limits(0, [(9, 9); 3])).await, [0, 0, 0]);
    assert_eq!(claim(only(Lane::Receipts, 3)).await, [0, 0, 3]);
    assert_eq!(
        claim(limits(9, [(9, 9), (0, 9), (0, 0)])).await,
        [0, 4, 0],
        "without a share a lane gets what the others leave"
    );
    assert_eq!(claim(ClaimLimits::any(9)).await, [0, 0, 1]);
}

/// An order that was never tried is fresh, also one that was held and released and one that waited for its time.
pub async fn an_order_that_was_never_tried_is_fresh(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (placed, _) = subject.place(&sample::plain("alice", 1)).await;
    claim_from(&subject, &placed, Lane::Fresh, "a new order").await;

    let mut order = subject.place(&sample::plain("alice", 2)).await.0;
    for _ in 0..3 {
        order = subject.apply(&order, OrderCommand::Hold).await;
        order = subject.apply(&order, OrderCommand::Release).await;
    }
    let what = "a released order that was never tried";
    let subject = subject.reopen().await;
    claim_from(&subject, &order, Lane::Fresh, what).await;

    let time = subject.now().saturating_add(SHORT);
    let (later, _) = subject.place(&sample::later("alice", 3, time)).await;
    let shard = subject.shard_of(&later.user_id);
    let due = subject.next_dues(shard).await;
    let wait = due.lane(Lane::Fresh).expect("it waits in the fresh lane");
    assert_eq!(due, due_in(Lane::Fresh, wait));
    subject.pass(SHORT).await;
    claim_from(&subject, &later, Lane::Fresh, "an order whose time came").await;
}

/// An order that was tried is a retry, whatever its attempts are: also one that was given back, held and released, or
/// replayed.
pub async fn an_order_that_was_tried_is_a_retry(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::plain("bob", 1), LONG)
        .await;
    let order = subject.retry(&claimed, Duration::ZERO).await;
    let claimed = claim_from(&subject, &order, Lane::Retries, "a retry").await;
    subject.complete(&claimed).await;

    let claimed = subject
        .place_and_claim(&sample::plain("bob", 2), LONG)
        .await;
    let decision = claimed.give_back(None, Duration::ZERO, subject.now());
    let decision = decision.expect("a claimed order can be given back");
    let order = subject.advance(&claimed, decision).await;
    assert_eq!(order.attempt, 0);
    let subject = subject.reopen().await;
    let what = "an order that was given back";
    let claimed = claim_from(&subject, &order, Lane::Retries, what).await;

    let order = subject.retry(&claimed, LONG).await;
    let order = subject.apply(&order, OrderCommand::Hold).await;
    let order = subject.apply(&order, OrderCommand::Release).await;
    assert_eq!((order.status, order.attempt), (Status::Pending, 1));
    let subject = subject.reopen().await;
    let what = "a released order that was tried";
    let claimed = claim_from(&subject, &order, Lane::Retries, what).await;

    let order = subject.fail(&claimed, "handler_rejected").await;
    let order = subject.apply(&order, OrderCommand::Replay).await;
    assert_eq!((order.status, order.attempt), (Status::Pending, 0));
    let subject = subject.reopen().await;
    let claimed = claim_from(&subject, &order, Lane::Retries, "a replayed order").await;
    subject.complete(&claimed).await;

    let claimed = subject
        .place_and_claim(&sample::plain("bob", 3), SHORT)
        .await;
    subject.pass(SHORT).await;
    let policy = RescuePolicy {
        max_attempts: 9,
        delay: Duration::ZERO,
    };
    assert_eq!(rescue(&subject, policy, 10).await.len(), 1);
    let what = "an order that lost its lease once";
    claim_from(&subject, &claimed, Lane::Retries, what).await;
}

/// An order whose work is done waits in the lane of receipts, also after a lost lease and after it was held and released.
pub async fn an_order_whose_work_is_done_waits_for_its_receipt(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::plain("carol", 1), LONG)
        .await;
    let order = await_receipts(&subject, &[claimed], Duration::ZERO).await;
    let subject = subject.reopen().await;
    let what = "an order whose work is done";
    let claimed = claim_from(&subject, &order[0], Lane::Receipts, what).await;
    assert!(claimed.work_done, "the work stays done");

    let order = await_receipts(&subject, &[claimed], LONG).await;
    let order = subject.apply(&order[0], OrderCommand::Hold).await;
    let order = subject.apply(&order, OrderCommand::Release).await;
    let shard = subject.shard_of(&order.user_id);
    let claimed = subject.store.claim(shard, only(Lane::Receipts, 9), SHORT);
    let claimed = claimed.await.expect("a healthy store claims");
    assert_eq!(claimed.len(), 1, "a released order whose work is done");
    subject.pass(SHORT).await;
    let policy = RescuePolicy {
        max_attempts: 9,
        delay: Duration::ZERO,
    };
    assert_eq!(rescue(&subject, policy, 10).await.len(), 1);
    let what = "an order whose work is done and whose lease was lost";
    let claimed = claim_from(&subject, &order, Lane::Receipts, what).await;
    let processed = subject.complete(&claimed).await;
    assert_eq!(processed.result.as_deref(), Some(r#"{"number":7}"#));
}

/// A quarantined order is in no lane, whether its work is done or not.
pub async fn a_quarantined_order_is_in_no_lane(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claim_all_lanes = async |shard: ShardId| {
        let any = limits(30, [(10, 10); 3]);
        claim_within(&subject, shard, any).await
    };
    let suspect = place_suspect(&subject, &sample::plain("dave", 1), Duration::ZERO).await;
    let shard = subject.shard_of(&suspect.user_id);
    let alone = NextDue {
        quarantined: Some(Duration::ZERO),
        ..NextDue::default()
    };
    assert_eq!(subject.next_dues(shard).await, alone);
    assert_eq!(claim_all_lanes(shard).await, []);
    let claimed = subject.claim_alone_from(shard, SHORT).await;
    let claimed = claimed.expect("it is due");
    let waiting = await_receipts(&subject, &[claimed], Duration::ZERO).await;
    assert!(!waiting[0].is_quarantined(), "by the rules of the domain");

    let policy = RescuePolicy {
        max_attempts: 9,
        delay: Duration::ZERO,
    };
    for _ in 0..2 {
        let claimed = subject.claim_from(shard, 10, SHORT).await;
        assert_eq!(claimed.len(), 1, "it is due in the lane of receipts");
        subject.pass(SHORT).await;
        if rescue(&subject, policy, 10).await[0].is_quarantined() {
            break;
        }
    }
    assert_eq!(subject.next_dues(shard).await, alone);
    assert_eq!(claim_all_lanes(shard).await, []);
    let claimed = subject.claim_alone_from(shard, LONG).await;
    let claimed = claimed.expect("it is due");
    assert!(claimed.work_done, "the work stays done");
}

/// The store tells of each lane when its next work is due; a claim of one lane changes nothing about the others, and the
/// next process tells the same.
pub async fn each_lane_has_its_next_work(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("erin"));
    assert_eq!(subject.next_dues(shard).await, NextDue::default());
    let claimed = subject
        .place_and_claim(&sample::plain("erin", 1), LONG)
        .await;
    let receipt = await_receipts(&subject, &[claimed], LONG).await;
    let claimed = subject
        .place_and_claim(&sample::plain("erin", 2), LONG)
        .await;
    let retry = subject.retry(&claimed, LONG * 2).await;
    let time = subject.now().saturating_add(LONG * 3);
    let (fresh, _) = subject.place(&sample::later("erin", 3, time)).await;
    let check = async |subject: &Subject| {
        let due = subject.next_dues(shard).await;
        let near = |found: Option<Duration>, expected: Duration| {
            let slack = Duration::from_secs(300);
            found.is_some_and(|found| found <= expected && expected < found + slack)
        };
        let is_told = near(due.lane(Lane::Receipts), LONG)
            && near(due.lane(Lane::Retries), LONG * 2)
            && near(due.lane(Lane::Fresh), LONG * 3);
        assert!(is_told, "each lane has its next work: {due:?}");
        assert_eq!(due.quarantined, None);
    };
    check(&subject).await;
    let (now, _) = subject.place(&sample::plain("erin", 4)).await;
    let due = subject.next_dues(shard).await;
    assert_eq!(due.lane(Lane::Fresh), Some(Duration::ZERO));
    assert!(due.lane(Lane::Retries) > Some(LONG), "{due:?}");
    subject.claim_only(now.id, LONG).await;
    let subject = subject.reopen().await;
    check(&subject).await;

    let retry = subject.apply(&retry, OrderCommand::Hold).await;
    let retry = subject.apply(&retry, OrderCommand::Release).await;
    let due = subject.next_dues(shard).await;
    assert_eq!(due.lane(Lane::Retries), Some(Duration::ZERO));
    assert!(due.lane(Lane::Receipts) > Some(Duration::ZERO), "{due:?}");
    let claimed = claim_within(&subject, shard, ClaimLimits::any(9)).await;
    assert_eq!(ids(&claimed), [retry.id].into());
    subject.apply(&fresh, OrderCommand::Cancel).await;
    let due = subject.next_dues(shard).await;
    let wait = due.lane(Lane::Receipts).expect("it waits");
    assert_eq!(due, due_in(Lane::Receipts, wait));
    assert_eq!(subject.get(receipt[0].id).await, receipt[0]);
}

/// The order that is due for longest tells how far behind the workers are: in every lane and quarantined, but not one that
/// is held by a worker or by a person, or that is due later.
pub async fn the_oldest_due_order_has_its_age(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("frank"));
    let age = async |subject: &Subject| {
        let age = subject.store.oldest_due_age(shard).await;
        age.expect("a healthy store knows what is due")
    };
    let at_least = |age: Option<Duration>, least: Duration, what: &str| {
        let most = least + Duration::from_secs(300);
        let is_told = age.is_some_and(|age| least <= age && age < most);
        assert!(is_told, "the age of {what}, at least {least:?}: {age:?}");
    };
    assert_eq!(age(&subject).await, None, "nothing is due");
    let suspect = place_suspect(&subject, &sample::plain("frank", 1), Duration::ZERO).await;
    subject.pass(GAP * 3).await;
    at_least(age(&subject).await, GAP * 3, "a quarantined order");
    subject.apply(&suspect, OrderCommand::Cancel).await;
    assert_eq!(age(&subject).await, None, "a cancelled order is not due");

    let claimed = subject
        .place_and_claim(&sample::plain("frank", 2), LONG)
        .await;
    subject.pass(GAP).await;
    assert_eq!(age(&subject).await, None, "a claimed order is not due");
    let retry = subject.retry(&claimed, LONG).await;
    assert_eq!(age(&subject).await, None, "it is due later");
    let held = subject.apply(&retry, OrderCommand::Hold).await;
    assert_eq!(age(&subject).await, None, "a held order is not due");
    subject.apply(&held, OrderCommand::Release).await;
    subject.pass(GAP * 2).await;
    at_least(age(&subject).await, GAP * 2, "a retry");
    subject.place(&sample::plain("frank", 3)).await;
    subject.pass(GAP * 2).await;
    at_least(age(&subject).await, GAP * 4, "the older of two");
    assert_eq!(
        claim_from_lane(&subject, shard, Lane::Retries, 9)
            .await
            .len(),
        1
    );
    at_least(age(&subject).await, GAP * 2, "a fresh order");
    let subject = subject.reopen().await;
    at_least(age(&subject).await, GAP * 2, "an order of the last process");
    let claimed = claim_from_lane(&subject, shard, Lane::Fresh, 9).await;
    assert_eq!(age(&subject).await, None);
    await_receipts(&subject, &claimed, Duration::ZERO).await;
    subject.pass(GAP).await;
    at_least(age(&subject).await, GAP, "a missing receipt");
}
