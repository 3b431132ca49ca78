//! Delays: work that is due in a while is due at the latest when that while has passed, however the store's wall clock is
//! set. They need a store whose clock a test can set.

use std::time::Duration;

use domain::{Lane, Timestamp};

use super::lane_stock::{await_receipts, claim_many, retry_all};
use super::subject::Subject;
use super::{LONG, StoreFactory, sample};

const DELAY: Duration = Duration::from_secs(10);

fn an_hour_before(now: Timestamp) -> Timestamp {
    let ms = u64::try_from(LONG.as_millis()).expect("an hour fits");
    Timestamp::from_millis(now.as_millis() - ms).expect("the past is representable")
}

/// Sets the store's clock; `false`, with a note, if a test cannot.
fn set_clock(subject: &Subject, to: Timestamp, behaviour: &str) -> bool {
    let is_set = subject.opened.set_store_clock(to);
    if !is_set {
        eprintln!("{behaviour}: left out, the clock is not ours");
    }
    is_set
}

/// A clock that is set back by an hour puts off no retry and no receipt beyond their delay, and ends none early. An order
/// that waits for a time of the clock follows the clock.
pub async fn a_delay_ends_although_the_clock_is_set_back(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("alice"));
    let claimed = claim_many(&subject, &["alice".to_owned()], 2).await;
    retry_all(&subject, &claimed[..1], DELAY).await;
    await_receipts(&subject, &claimed[1..], DELAY).await;
    let start = subject.now();
    let later = sample::later("alice", 3, start.saturating_add(DELAY));
    let (later, _) = subject.place(&later).await;
    let name = "a_delay_ends_although_the_clock_is_set_back";
    if !set_clock(&subject, an_hour_before(start), name) {
        return;
    }
    // As any worker does at least once a second.
    let early = subject.claim_all(LONG).await;
    assert_eq!(early, [], "a delay does not end early");
    let due = subject.next_dues(shard).await;
    for lane in [Lane::Retries, Lane::Receipts] {
        let wait = due.lane(lane).expect("it waits");
        assert!(
            Duration::ZERO < wait && wait <= DELAY,
            "a clock that was set back puts off no delay: {lane:?} is due in {wait:?}"
        );
    }
    assert!(due.lane(Lane::Fresh) > Some(LONG), "{due:?}");
    subject.pass(DELAY).await;
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(claimed.len(), 2, "both delays have ended");
    assert!(subject.opened.set_store_clock(start.saturating_add(DELAY)));
    subject.claim_only(later.id, LONG).await;
}

/// A clock that is set forward puts off no delay either.
pub async fn a_delay_ends_although_the_clock_is_set_forward(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = claim_many(&subject, &["bob".to_owned()], 1).await;
    retry_all(&subject, &claimed, DELAY).await;
    let name = "a_delay_ends_although_the_clock_is_set_forward";
    let start = subject.now();
    if !set_clock(&subject, start.saturating_add(LONG), name) {
        return;
    }
    subject.pass(DELAY).await;
    let claimed = subject.claim_only(claimed[0].id, LONG).await;
    // What is put off while the clock is ahead is due at the latest after its delay once the clock is right again.
    subject.retry(&claimed, DELAY).await;
    assert!(subject.opened.set_store_clock(start));
    assert_eq!(subject.claim_all(LONG).await, []);
    subject.pass(DELAY).await;
    subject.claim_only(claimed.id, LONG).await;
}

/// A clock that is set back between two processes puts off no delay.
pub async fn a_delay_ends_in_the_next_process(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("carol"));
    let claimed = claim_many(&subject, &["carol".to_owned()], 2).await;
    retry_all(&subject, &claimed[..1], DELAY).await;
    await_receipts(&subject, &claimed[1..], DELAY).await;
    let name = "a_delay_ends_in_the_next_process";
    let past = an_hour_before(subject.now());
    if !set_clock(&subject, past, name) {
        return;
    }
    let subject = subject.reopen().await;
    let due = subject.next_dues(shard).await;
    for lane in [Lane::Retries, Lane::Receipts] {
        let wait = due.lane(lane).expect("it waits");
        assert!(
            Duration::ZERO < wait && wait <= DELAY,
            "the next process puts off no delay: {lane:?} is due in {wait:?}"
        );
    }
    assert_eq!(subject.claim_all(LONG).await, []);
    subject.pass(DELAY).await;
    assert_eq!(subject.claim_all(LONG).await.len(), 2);
}

/// What is due at once stays due when the clock is set back, also in the next process.
pub async fn what_is_due_stays_due_although_the_clock_is_set_back(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let name = "what_is_due_stays_due_although_the_clock_is_set_back";
    for reopens in [false, true] {
        let (to_retry, _) = subject.place(&sample::plain("dave", 1)).await;
        let claimed = subject.claim_only(to_retry.id, LONG).await;
        subject.retry(&claimed, Duration::ZERO).await;
        let (held, _) = subject.place(&sample::plain("dave", 2)).await;
        let held = subject.apply(&held, domain::OrderCommand::Hold).await;
        subject.apply(&held, domain::OrderCommand::Release).await;
        subject.place(&sample::plain("dave", 3)).await;
        if !set_clock(&subject, an_hour_before(subject.now()), name) {
            return;
        }
        if reopens {
            let subject = subject.reopen().await;
            assert_eq!(
                subject.claim_all(LONG).await.len(),
                3,
                "what is due stays due"
            );
            return;
        }
        assert_eq!(
            subject.claim_all(LONG).await.len(),
            3,
            "what is due stays due"
        );
    }
}
