//! Claims: what is due, in the order in which it is due, each order to one claimer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, Guard};
use domain::{EventType, OrderCommand, OrderId, Status};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline, versions, written};
use super::{LONG, StoreFactory, sample};

/// A claim is the order's own decision: PROCESSING, one version and one attempt more, with its event.
pub async fn a_claim_is_a_change_like_any_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (placed, seq) = subject.place(&sample::full("alice", "A-1")).await;
    let claimed = subject.claim_only(placed.id, LONG).await;
    let expected = placed
        .claim(claimed.updated_at)
        .expect("a pending order can be claimed");
    assert_eq!(
        claimed, expected.order,
        "claimed by the rules of the domain"
    );
    assert_eq!(subject.get(placed.id).await, claimed, "and stored so");
    let events = subject.events(placed.id).await;
    assert_eq!(versions(&events), [1, 2]);
    assert!(events[1].seq > seq);
    assert_eq!(events[1].event.event_type, EventType::Processing);
    assert_eq!(events[1].event.attempt, 1);
    let counts = subject.counts().await;
    assert_eq!((counts.get(Status::Processing), counts.accepted()), (1, 1));
    assert!(
        subject.claim_all(LONG).await.is_empty(),
        "no other claim gets it"
    );
}

/// The oldest due work comes first, and no more than was asked for.
pub async fn claims_come_oldest_due_first(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let gap = Duration::from_millis(20);
    let mut ids = Vec::new();
    for number in 0..5 {
        let (placed, _) = subject.place(&sample::plain("bob", number)).await;
        ids.push(placed.id);
        subject.pass(gap).await;
    }
    let shard = subject.shard_of(&sample::user("bob"));
    assert!(subject.claim_from(shard, 0, LONG).await.is_empty());
    let first = subject.claim_from(shard, 2, LONG).await;
    let first_ids: Vec<OrderId> = first.iter().map(|order| order.id).collect();
    assert_eq!(first_ids, ids[..2], "oldest due first");
    // What is given back is due now: after everything that was due before.
    let decision = first[0]
        .give_back(None, Duration::ZERO, subject.now())
        .expect("a claimed order can be given back");
    subject.advance(&first[0], decision).await;
    let mut expected = ids[2..].to_vec();
    expected.push(ids[0]);
    let mut rest = Vec::new();
    for _ in 0..4 {
        rest.extend(subject.claim_from(shard, 1, LONG).await);
    }
    let rest: Vec<OrderId> = rest.iter().map(|order| order.id).collect();
    assert_eq!(rest, expected, "by when the work is due, not by id");
}

async fn claim_concurrently(processes: &[&Subject]) {
    let subject = processes[0];
    let mut placed = BTreeSet::new();
    for batch in 0..6 {
        let writes: Vec<_> = (0..50)
            .map(|number| subject.new_write(&sample::plain(&format!("user-{batch}"), number), None))
            .collect();
        placed.extend(writes.iter().map(|write| write.decision.order.id));
        for answer in subject.store.commit(writes, deadline()).await {
            written(answer, "an order to claim");
        }
    }
    let mut claimers = JoinSet::new();
    for claimer in 0..8 {
        let store = Arc::clone(&processes[claimer % processes.len()].store);
        claimers.spawn(async move {
            let mut mine = Vec::new();
            let mut empty_rounds = 0;
            // Bounded, so that a store which hands out claims for ever fails instead of hanging.
            for _ in 0..400 {
                if empty_rounds == 3 {
                    break;
                }
                let before = mine.len();
                for shard in store.shards() {
                    let batch = store.claim(*shard, ClaimLimits::any(7), LONG).await;
                    mine.extend(batch.expect("a healthy store claims"));
                }
                empty_rounds = if mine.len() == before {
                    empty_rounds + 1
                } else {
                    0
                };
            }
            mine
        });
    }
    let mut claimed = Vec::new();
    while let Some(mine) = claimers.join_next().await {
        claimed.extend(mine.expect("a claimer does not panic"));
    }
    let ids: BTreeSet<OrderId> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(ids.len(), claimed.len(), "two claims never share an order");
    assert_eq!(ids, placed, "every order is claimed");
    assert!(
        claimed.iter().all(|order| order.version.get() == 2),
        "each of them once"
    );
    assert_eq!(subject.counts().await.get(Status::Processing), 300);
}

/// Concurrent claims never share an order and leave none out.
pub async fn concurrent_claims_are_disjoint(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    claim_concurrently(&[&subject]).await;
}

/// The same with the claimers in two processes.
pub async fn claims_of_two_processes_are_disjoint(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    if let Some(second) = subject.second("claims_of_two_processes_are_disjoint").await {
        claim_concurrently(&[&subject, &second]).await;
    }
}

/// Held, cancelled, failed and finished orders are never claimed; a released and a replayed one are.
pub async fn only_work_that_waits_is_claimed(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for number in 0..3 {
        subject.place(&sample::plain("carol", number)).await;
    }
    let claimed = subject.claim_all(LONG).await;
    subject.complete(&claimed[0]).await;
    let dead = subject.fail(&claimed[1], "handler_rejected").await;
    let retrying = subject.retry(&claimed[2], Duration::ZERO).await;
    subject.apply(&retrying, OrderCommand::Cancel).await;
    let (held, _) = subject.place(&sample::plain("carol", 10)).await;
    let held = subject.apply(&held, OrderCommand::Hold).await;
    let (cancelled, _) = subject.place(&sample::plain("carol", 11)).await;
    subject.apply(&cancelled, OrderCommand::Cancel).await;
    assert!(subject.claim_all(LONG).await.is_empty(), "nothing waits");
    let shard = subject.shard_of(&held.user_id);
    assert_eq!(subject.next_due(shard).await, None, "and nothing is due");

    subject.apply(&held, OrderCommand::Release).await;
    assert_eq!(subject.next_due(shard).await, Some(Duration::ZERO));
    subject.claim_only(held.id, LONG).await;
    subject.apply(&dead, OrderCommand::Replay).await;
    let again = subject.claim_only(dead.id, LONG).await;
    assert_eq!(again.attempt, 1, "a replay starts the attempts again");
}

/// A claim and a cancellation that meet: one of them wins, and the order follows it.
pub async fn a_claim_and_a_cancellation_exclude_each_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for round in 0..30 {
        let (placed, _) = subject.place(&sample::plain("dave", round)).await;
        let shard = subject.shard_of(&placed.user_id);
        let cancel = placed
            .apply(
                OrderCommand::Cancel,
                subject.now(),
                domain::Cause::default(),
            )
            .expect("a pending order can be cancelled");
        let write = super::subject::write_at(&placed, cancel);
        assert!(matches!(write.guard, Guard::At { .. }));
        let (answer, claimed) = tokio::join!(
            subject.commit_one(write),
            subject.claim_from(shard, 1, LONG)
        );
        let status = subject.get(placed.id).await.status;
        match (&answer, claimed.as_slice()) {
            (Ok(_), []) => assert_eq!(status, Status::Cancelled),
            (Err(application::ports::CommitError::Stale), [order]) => {
                assert_eq!((order.id, status), (placed.id, Status::Processing));
                subject.complete(order).await;
            }
            both => panic!("exactly one of them wins: {both:?}"),
        }
        assert_eq!(subject.events(placed.id).await[1].event.version.get(), 2);
    }
}
