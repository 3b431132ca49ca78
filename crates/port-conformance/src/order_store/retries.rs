//! Work that is due at a time, and the dead letters that it ends in.

use std::time::Duration;

use application::ports::ListFilter;
use domain::{EventType, Failure, OrderCommand, OrderId, Status};

use super::subject::Subject;
use super::{LONG, SHORT, StoreFactory, sample};

/// A retry is claimed once its time has come, and not before.
pub async fn a_retry_is_due_at_its_time(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("alice"));
    assert_eq!(subject.next_due(shard).await, None, "no job waits");
    let far = subject
        .place_and_claim(&sample::plain("alice", 1), LONG)
        .await;
    let far = subject.retry(&far, LONG).await;
    let near = subject
        .place_and_claim(&sample::plain("alice", 2), LONG)
        .await;
    let near = subject.retry(&near, SHORT).await;
    let due = subject.next_due(shard).await.expect("two jobs wait");
    assert!(due <= SHORT, "the nearer one is due in {due:?}");
    subject.pass(SHORT).await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    let claimed = subject.claim_only(near.id, LONG).await;
    assert_eq!(claimed.attempt, 2);
    assert_eq!(claimed.failure, near.failure, "why the last attempt failed");
    let due = subject.next_due(shard).await.expect("one job waits");
    assert!(
        due <= LONG,
        "it was due in {LONG:?} and is now due in {due:?}"
    );
    assert!(
        due > LONG - Duration::from_secs(300),
        "the other one is not due before its time, but in {due:?}"
    );
    assert_eq!(subject.get(far.id).await, far);
}

/// Held back and released, a job is due at once; a cancelled retry is never due.
pub async fn steering_moves_the_job(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("bob"));
    let (placed, _) = subject.place(&sample::plain("bob", 1)).await;
    let held = subject.apply(&placed, OrderCommand::Hold).await;
    assert_eq!(subject.next_due(shard).await, None);
    let released = subject.apply(&held, OrderCommand::Release).await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    let claimed = subject.claim_only(released.id, LONG).await;
    assert_eq!(
        subject.next_due(shard).await,
        None,
        "a claimed job does not wait"
    );
    let retrying = subject.retry(&claimed, SHORT).await;
    let cancelled = subject.apply(&retrying, OrderCommand::Cancel).await;
    assert_eq!(subject.next_due(shard).await, None);
    subject.pass(SHORT).await;
    assert!(subject.claim_all(LONG).await.is_empty());
    assert_eq!(subject.get(placed.id).await, cancelled);
}

/// A retry can be held: it is not due while it is held, and once released it is due at once, PENDING, with the attempts
/// and the failure that it had, also in the next process.
pub async fn a_held_retry_keeps_its_attempts(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("erin"));
    let claimed = subject
        .place_and_claim(&sample::full("erin", "E-1"), LONG)
        .await;
    let retrying = subject.retry(&claimed, SHORT).await;
    let claimed = {
        subject.pass(SHORT).await;
        subject.claim_only(retrying.id, LONG).await
    };
    let retrying = subject.retry(&claimed, SHORT).await;
    let held = subject.apply(&retrying, OrderCommand::Hold).await;
    assert_eq!(held.status, Status::OnHold);
    assert_eq!(subject.next_due(shard).await, None, "a held retry waits");
    subject.pass(SHORT).await;
    assert!(subject.claim_all(LONG).await.is_empty(), "past its time");
    assert_eq!(subject.get(held.id).await, held);
    let subject = subject.reopen().await;
    assert_eq!(subject.get(held.id).await, held);
    let released = subject.apply(&held, OrderCommand::Release).await;
    let stored = subject.get(held.id).await;
    assert_eq!(
        (stored.status, stored.attempt),
        (Status::Pending, 2),
        "a released order keeps its attempts"
    );
    assert_eq!(stored, released);
    let events = subject.events(held.id).await;
    let last = &events[events.len() - 1].event;
    assert_eq!(
        (last.event_type, last.attempt),
        (EventType::Released, 2),
        "and so does its event"
    );
    let subject = subject.reopen().await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    let again = subject.claim_only(held.id, LONG).await;
    assert_eq!(again.attempt, 3);
    assert_eq!(again.failure, retrying.failure);
}

/// What is given back is due at once, and the attempt does not count.
pub async fn what_is_given_back_costs_no_attempt(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::plain("carol", 1), LONG)
        .await;
    let decision = claimed
        .give_back(
            Some(Failure::new("shutting_down", "the worker stops")),
            Duration::ZERO,
            subject.now(),
        )
        .expect("a claimed order can be given back");
    let given_back = subject.advance(&claimed, decision).await;
    assert_eq!(
        (given_back.status, given_back.attempt),
        (Status::Retrying, 0)
    );
    let again = subject.claim_only(claimed.id, LONG).await;
    assert_eq!(again.attempt, 1);
    assert_eq!(again.version.get(), 4, "each claim has another token");
}

/// Dead letters are listed by status and by the code of their failure; replay and discard take them off the list.
pub async fn dead_letters_are_listed_by_their_reason(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let codes = [
        "handler_rejected",
        "timeout",
        "handler_rejected",
        "lease_lost",
    ];
    for (number, _) in codes.iter().enumerate() {
        subject.place(&sample::plain("dave", number as u64)).await;
    }
    let mut dead = Vec::new();
    for (order, code) in subject.claim_all(LONG).await.iter().zip(codes) {
        dead.push(subject.fail(order, code).await);
    }
    subject.place(&sample::plain("dave", 99)).await;
    let letters = async |code: Option<&str>| {
        let filter = ListFilter {
            status: Some(Status::Failed),
            failure_code: code.map(str::to_owned),
            ..ListFilter::default()
        };
        let found = subject.list(filter).await;
        found.iter().map(|order| order.id).collect::<Vec<OrderId>>()
    };
    let newest_first = |letters: &[OrderId]| {
        let mut ids = letters.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids
    };
    let ids: Vec<OrderId> = dead.iter().map(|order| order.id).collect();
    assert_eq!(letters(None).await, newest_first(&ids));
    assert_eq!(
        letters(Some("handler_rejected")).await,
        newest_first(&[ids[0], ids[2]])
    );
    assert_eq!(letters(Some("nothing")).await, []);

    let replayed = subject.apply(&dead[0], OrderCommand::Replay).await;
    let discarded = subject.apply(&dead[2], OrderCommand::Discard).await;
    assert_eq!(letters(Some("handler_rejected")).await, []);
    assert_eq!(letters(None).await, newest_first(&[ids[1], ids[3]]));
    assert_eq!(
        (replayed.attempt, &replayed.failure),
        (0, &None),
        "a replay starts afresh"
    );
    assert_eq!(subject.get(discarded.id).await.status, Status::Cancelled);
    let claimed = subject.claim_all(LONG).await;
    assert!(claimed.iter().any(|order| order.id == replayed.id));
    assert_eq!(
        claimed.len(),
        2,
        "the replayed one and the one that was waiting"
    );
}
