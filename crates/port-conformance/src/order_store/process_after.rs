//! Orders that are not processed before a time: the store's wall clock decides, across restarts, holds and steps of
//! that clock.

use std::time::Duration;

use domain::{OrderCommand, OrderId, Status, Wait};

use super::subject::Subject;
use super::{LONG, StoreFactory, sample};

/// More than a busy machine needs to look at an order before its time.
const DELAY: Duration = Duration::from_secs(2);

/// What is left of [`LONG`] after everything that a slow test does.
const ALMOST_LONG: Duration = Duration::from_secs(3_300);

/// An order waits as PENDING, is claimed once its time has come and not before, and the store says when that is.
pub async fn an_order_is_claimed_at_its_time(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("alice"));
    let now = subject.now();
    let far = sample::later("alice", 1, now.saturating_add(LONG));
    let near = sample::later("alice", 2, now.saturating_add(DELAY));
    let (far, _) = subject.place(&far).await;
    let (near, _) = subject.place(&near).await;
    let is_claimed = !subject.claim_all(LONG).await.is_empty();
    assert!(!is_claimed, "an order is not claimed before its time");
    let due = subject.next_due(shard).await.expect("two orders wait");
    assert!(due <= DELAY, "the nearer one is due in {due:?}");
    let waiting = subject.get(near.id).await;
    assert_eq!(waiting, near);
    let waiting_for = waiting.waiting_for().map(|waiting| waiting.what);
    assert_eq!(
        (waiting.status, waiting_for),
        (Status::Pending, Some(Wait::ProcessAfter))
    );

    subject.pass(DELAY).await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    let claimed = subject.claim_only(near.id, LONG).await;
    assert_eq!(
        (claimed.attempt, claimed.process_after),
        (1, near.process_after)
    );
    let due = subject.next_due(shard).await.expect("one order waits");
    assert!(ALMOST_LONG < due && due <= LONG, "the other one in {due:?}");
    subject.apply(&far, OrderCommand::Cancel).await;
    assert_eq!(subject.next_due(shard).await, None);
}

/// A time that has passed when the order is placed is no reason to wait.
pub async fn a_time_that_has_passed_is_due_at_once(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for time in [subject.now(), sample::time("1970-01-01T00:00:00Z")] {
        let (placed, _) = subject.place(&sample::later("bob", 1, time)).await;
        let shard = subject.shard_of(&placed.user_id);
        assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
        subject.claim_only(placed.id, LONG).await;
    }
}

/// The next process claims it at its time and not before.
pub async fn a_time_is_kept_for_the_next_process(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("carol"));
    let now = subject.now();
    let far = sample::later("carol", 1, now.saturating_add(LONG));
    let near = sample::later("carol", 2, now.saturating_add(DELAY));
    let (far, _) = subject.place(&far).await;
    let (near, _) = subject.place(&near).await;
    let subject = subject.reopen().await;
    assert_eq!(subject.get(near.id).await, near);
    assert_eq!(subject.get(far.id).await, far);
    subject.pass(DELAY).await;
    subject.claim_only(near.id, LONG).await;
    let subject = subject.reopen().await;
    let due = subject.next_dues(shard).await.any_lane();
    let due = due.expect("one order waits");
    assert!(ALMOST_LONG < due && due <= LONG, "{due:?}");
}

/// An order that was held and released before its time still waits for it; released after it, it is due at once.
pub async fn a_released_order_still_waits_for_its_time(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("dave"));
    let far = sample::later("dave", 1, subject.now().saturating_add(LONG));
    let (far, _) = subject.place(&far).await;
    let held = subject.apply(&far, OrderCommand::Hold).await;
    assert_eq!(subject.next_due(shard).await, None, "a held order waits");
    let released = subject.apply(&held, OrderCommand::Release).await;
    let is_claimed = !subject.claim_all(LONG).await.is_empty();
    assert!(
        !is_claimed,
        "a released order is not claimed before its time"
    );
    let due = subject
        .next_due(shard)
        .await
        .expect("it waits for its time");
    assert!(ALMOST_LONG < due && due <= LONG, "{due:?}");
    assert_eq!(subject.get(far.id).await, released);
    subject.apply(&released, OrderCommand::Cancel).await;

    let near = sample::later("dave", 2, subject.now().saturating_add(DELAY));
    let (near, _) = subject.place(&near).await;
    let held = subject.apply(&near, OrderCommand::Hold).await;
    subject.pass(DELAY).await;
    assert!(subject.claim_all(LONG).await.is_empty(), "it is held");
    let released = subject.apply(&held, OrderCommand::Release).await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    subject.claim_only(released.id, LONG).await;
}

/// Work that is due by a delay and work that is due at a time is claimed oldest due first.
pub async fn work_of_both_clocks_comes_oldest_due_first(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let gap = Duration::from_millis(30);
    let mut ids = Vec::new();
    for number in 0..3 {
        let (at_once, _) = subject.place(&sample::plain("erin", number)).await;
        let time = subject.now().saturating_add(gap);
        let (at_time, _) = subject.place(&sample::later("erin", 9, time)).await;
        ids.extend([at_once.id, at_time.id]);
        subject.pass(gap * 2).await;
    }
    let shard = subject.shard_of(&sample::user("erin"));
    let mut claimed: Vec<OrderId> = Vec::new();
    for _ in 0..ids.len() {
        let one = subject.claim_from(shard, 1, LONG).await;
        claimed.extend(one.iter().map(|order| order.id));
    }
    assert_eq!(claimed, ids, "by when the work is due");
}

/// A time is one of the wall clock: a clock that is set forward brings it nearer, one that is set back puts it off, also
/// for the next process.
pub async fn a_step_of_the_wall_clock_moves_the_time(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("frank"));
    let start = subject.now();
    let time = start.saturating_add(LONG);
    let (first, _) = subject.place(&sample::later("frank", 1, time)).await;
    if !subject.opened.set_store_clock(time) {
        eprintln!("a_step_of_the_wall_clock_moves_the_time: left out, the clock is not ours");
        return;
    }
    assert_eq!(
        subject.next_due(shard).await,
        Some(Duration::ZERO),
        "a clock that was set forward brings the time nearer: it is no delay"
    );
    subject.claim_only(first.id, LONG).await;

    let soon = time.saturating_add(DELAY);
    let (second, _) = subject.place(&sample::later("frank", 2, soon)).await;
    assert!(subject.opened.set_store_clock(start));
    subject.pass(DELAY).await;
    let is_claimed = !subject.claim_all(LONG).await.is_empty();
    assert!(
        !is_claimed,
        "a clock that was set back puts the time off: it is no delay"
    );
    let due = subject.next_due(shard).await.expect("it waits");
    assert!(ALMOST_LONG < due && due <= LONG, "{due:?}");
    let subject = subject.reopen().await;
    assert!(subject.claim_all(LONG).await.is_empty(), "the same");
    assert!(subject.opened.set_store_clock(soon));
    subject.claim_only(second.id, LONG).await;
}
