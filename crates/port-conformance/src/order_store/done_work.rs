//! What an order remembers of its attempts: that its work is done, with the result, and since when its endpoint is busy.

use std::sync::Arc;
use std::time::Duration;

use application::ports::RescuePolicy;
use domain::{Failure, Order, Receipt, Status};

use super::lane_stock::{GAP, await_receipts};
use super::leases::rescue;
use super::subject::{Subject, write_at};
use super::{LONG, SHORT, StoreFactory, sample};

/// Once the work is done it stays done, with its first result: in the next process, through claims, a lost lease and
/// another attempt that ends without a receipt, until the order is PROCESSED.
pub async fn work_that_is_done_stays_done(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let result = Some(r#"{"number":7}"#);
    let is_kept = |order: &Order| order.work_done && order.result.as_deref() == result;
    let claimed = subject
        .place_and_claim(&sample::full("alice", "A-1"), LONG)
        .await;
    let waiting = await_receipts(&subject, &[claimed], Duration::ZERO).await;
    let subject = subject.reopen().await;
    let stored = subject.get(waiting[0].id).await;
    assert!(is_kept(&stored), "the work stays done: {stored:?}");
    assert_eq!(stored, waiting[0]);

    let claimed = subject.claim_only(stored.id, SHORT).await;
    assert!(is_kept(&claimed), "the work stays done when it is claimed");
    assert_eq!((claimed.attempt, &claimed.failure), (1, &stored.failure));
    subject.pass(SHORT).await;
    let policy = RescuePolicy {
        max_attempts: 9,
        delay: Duration::ZERO,
    };
    let rescued = rescue(&subject, policy, 10).await;
    assert_eq!(rescued.len(), 1);
    assert!(is_kept(&rescued[0]), "the work stays done without a lease");
    let subject = subject.reopen().await;
    assert_eq!(subject.get(stored.id).await, rescued[0]);

    let claimed = subject.claim_only(stored.id, LONG).await;
    let failure = Failure::new("receipt_store", "said the test");
    let other = Some(Arc::from(r#"{"number":8}"#));
    let decision = claimed.await_receipt(other, failure, Duration::ZERO, subject.now());
    let decision = decision.expect("the receipt of a claimed order can be missing");
    let waiting = subject.advance(&claimed, decision).await;
    assert!(is_kept(&waiting), "the first result is kept");
    assert_eq!(subject.get(stored.id).await, waiting);

    let claimed = subject.claim_only(stored.id, LONG).await;
    let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
    let decision = claimed.complete(None, receipt_key, subject.now());
    let decision = decision.expect("a claimed order can be completed");
    let processed = Arc::clone(&decision.order);
    subject.must_write(write_at(&claimed, decision)).await;
    assert!(is_kept(&processed) && processed.status == Status::Processed);
    let subject = subject.reopen().await;
    assert_eq!(subject.get(stored.id).await, processed);
}

/// A row of busy answers is counted from the first one, through claims, a restart and an attempt that a stopping worker
/// gives back; any other outcome ends it.
pub async fn busy_answers_are_counted_from_the_first(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let postpone = async |subject: &Subject, claimed: &Order| {
        let failure = Failure::new("busy", "said the test");
        let decision = claimed.postpone_busy(failure, Duration::ZERO, subject.now());
        let decision = decision.expect("a claimed order can be postponed");
        subject.advance(claimed, decision).await
    };
    let claimed = subject
        .place_and_claim(&sample::plain("bob", 1), LONG)
        .await;
    let postponed = postpone(&subject, &claimed).await;
    let since = postponed.busy_since;
    assert!(since.is_some(), "by the rules of the domain");
    let subject = subject.reopen().await;
    let stored = subject.get(claimed.id).await;
    assert_eq!(stored.busy_since, since, "since when it is busy is stored");
    assert_eq!(stored, postponed);

    subject.pass(GAP).await;
    let claimed = subject.claim_only(stored.id, LONG).await;
    assert_eq!(claimed.busy_since, since, "and kept by a claim");
    let decision = claimed.give_back(None, Duration::ZERO, subject.now());
    let decision = decision.expect("a claimed order can be given back");
    let given_back = subject.advance(&claimed, decision).await;
    assert_eq!(subject.get(stored.id).await, given_back);
    let claimed = subject.claim_only(stored.id, LONG).await;
    let postponed = postpone(&subject, &claimed).await;
    assert_eq!(postponed.busy_since, since, "counted from the first");
    let subject = subject.reopen().await;
    assert_eq!(subject.get(stored.id).await, postponed);

    let claimed = subject.claim_only(stored.id, LONG).await;
    let retried = subject.retry(&claimed, Duration::ZERO).await;
    assert_eq!(retried.busy_since, None, "by the rules of the domain");
    assert_eq!(subject.get(stored.id).await, retried);
}
