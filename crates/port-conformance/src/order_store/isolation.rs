//! Isolation: an order that has lost its lease twice is suspected of killing its workers, and is claimed with no other.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{NextDue, RescuePolicy};
use domain::{Order, OrderCommand, OrderId, PlaceOrder, Status};

use super::leases::rescue;
use super::subject::Subject;
use super::{LONG, SHORT, StoreFactory, sample};

/// An order that has lost its lease twice, with `delay` to the next attempt.
///
/// # Panics
/// If the store does not rescue it.
pub async fn place_suspect(subject: &Subject, command: &PlaceOrder, delay: Duration) -> Arc<Order> {
    let at_once = RescuePolicy {
        max_attempts: 100,
        delay: Duration::ZERO,
    };
    let claimed = subject.place_and_claim(command, SHORT).await;
    subject.pass(SHORT).await;
    assert_eq!(rescue(subject, at_once, 10).await.len(), 1);
    subject.claim_only(claimed.id, SHORT).await;
    subject.pass(SHORT).await;
    let policy = RescuePolicy { delay, ..at_once };
    let rescued = rescue(subject, policy, 10).await;
    assert_eq!(rescued.len(), 1);
    assert!(rescued[0].is_quarantined(), "by the rules of the domain");
    Arc::clone(&rescued[0])
}

/// An order that has lost its lease twice comes with no other, also in the next process, and keeps none of the others
/// from being claimed.
pub async fn an_order_that_runs_alone_is_claimed_alone(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let suspect = place_suspect(&subject, &sample::plain("heidi", 1), Duration::ZERO).await;
    let shard = subject.shard_of(&suspect.user_id);
    let subject = subject.reopen().await;
    let (fresh, _) = subject.place(&sample::plain("heidi", 2)).await;
    let (slow, _) = subject.place(&sample::plain("heidi", 3)).await;
    let due = subject.next_dues(shard).await;
    let both = NextDue {
        lanes: [Some(Duration::ZERO), None, None],
        quarantined: Some(Duration::ZERO),
    };
    assert_eq!(due, both);
    let first = subject.claim_from(shard, 1, LONG).await;
    assert_eq!(first.len(), 1, "it does not block the others");
    let second = subject.claim_from(shard, 10, LONG).await;
    let mut ids: Vec<OrderId> = first.iter().chain(&second).map(|order| order.id).collect();
    ids.sort_unstable();
    let mut expected = [fresh.id, slow.id];
    expected.sort_unstable();
    assert_eq!(
        ids, expected,
        "an order that runs alone comes with no other"
    );
    let due = subject.next_dues(shard).await;
    let suspect_alone = NextDue {
        lanes: [None; 3],
        ..both
    };
    assert_eq!(due, suspect_alone);

    let claimed = subject.claim_alone_from(shard, LONG).await;
    let claimed = claimed.expect("it is due");
    assert_eq!((claimed.id, claimed.attempt), (suspect.id, 3));
    assert_eq!(claimed.status, Status::Processing);
    assert_eq!(subject.get(suspect.id).await, claimed);
    assert_eq!(subject.claim_alone_from(shard, LONG).await, None, "once");
    assert_eq!(subject.next_due(shard).await, None);

    // Once the domain does not suspect it any more, it comes with the others again.
    let retried = subject.retry(&claimed, Duration::ZERO).await;
    assert_eq!(subject.claim_alone_from(shard, LONG).await, None);
    let again = subject.claim_only(retried.id, LONG).await;
    subject.complete(&again).await;
}

/// An order that runs alone is not claimed before its time, and never after it was cancelled.
pub async fn an_order_that_runs_alone_is_due_at_its_time(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let suspect = place_suspect(&subject, &sample::plain("ivan", 1), LONG).await;
    let shard = subject.shard_of(&suspect.user_id);
    let due = subject.next_dues(shard).await;
    assert_eq!(due.any_lane(), None);
    let wait = due.quarantined.expect("one order waits");
    assert!(LONG / 2 < wait && wait <= LONG * 2, "{wait:?}");
    assert_eq!(subject.claim_alone_from(shard, LONG).await, None);
    subject.apply(&suspect, OrderCommand::Cancel).await;
    assert_eq!(subject.next_dues(shard).await, NextDue::default());
    assert_eq!(subject.claim_alone_from(shard, LONG).await, None);
}

/// Held and released, it is PENDING and still suspected: it is claimed alone, also by the next process.
pub async fn a_released_order_that_runs_alone_is_claimed_alone(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let suspect = place_suspect(&subject, &sample::plain("judy", 1), LONG).await;
    let shard = subject.shard_of(&suspect.user_id);
    let held = subject.apply(&suspect, OrderCommand::Hold).await;
    assert_eq!(subject.next_dues(shard).await, NextDue::default());
    let released = subject.apply(&held, OrderCommand::Release).await;
    assert_eq!((released.status, released.attempt), (Status::Pending, 2));
    assert!(released.is_quarantined(), "by the rules of the domain");
    let (fresh, _) = subject.place(&sample::plain("judy", 2)).await;
    let subject = subject.reopen().await;
    let both = NextDue {
        lanes: [Some(Duration::ZERO), None, None],
        quarantined: Some(Duration::ZERO),
    };
    assert_eq!(subject.next_dues(shard).await, both);
    let claimed = subject.claim_from(shard, 10, LONG).await;
    let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(
        ids,
        [fresh.id],
        "a released order that runs alone comes with no other"
    );
    let claimed = subject.claim_alone_from(shard, LONG).await;
    let claimed = claimed.expect("it is due");
    assert_eq!((claimed.id, claimed.attempt), (suspect.id, 3));
    assert_eq!(subject.claim_alone_from(shard, LONG).await, None, "once");
    subject.complete(&claimed).await;
    assert_eq!(subject.next_dues(shard).await, NextDue::default());
}
