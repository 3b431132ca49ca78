//! What a commit writes: everything of a decision together, each decision alone.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Guard, Ids, ListFilter, Write};
use application::system::SystemIds;
use domain::{
    Cause, Decision, Failure, Job, Order, OrderCommand, Receipt, ReceiptLocation, Seq, Status,
};

use super::subject::{Subject, deadline, versions, write_at, write_new, written};
use super::{LONG, StoreFactory, sample};

fn of_user(user_id: &str) -> ListFilter {
    ListFilter {
        user_id: Some(sample::user(user_id)),
        ..ListFilter::default()
    }
}

/// Order, key, external id, event, job and count are there once the commit is confirmed, as they were decided.
pub async fn a_placed_order_is_there_whole(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::full("alice", "A-1");
    let now = subject.now();
    let id = SystemIds.order_id(now, &command.user_id);
    let stored = ReceiptLocation::Stored;
    let decision = Order::place(command.clone(), id, now, sample::cause(), stored);
    let seq = subject
        .must_write(write_new(decision.clone(), &command, Some("key-1")))
        .await;
    let placed = &decision.order;
    let shard = subject.shard_of(&command.user_id);

    assert_eq!(
        subject.get(id).await,
        *placed,
        "the order as it was decided"
    );
    let found = subject
        .store
        .find(&command.user_id, &sample::external_id("A-1"))
        .await
        .expect("a healthy store reads");
    assert_eq!(found.as_ref(), Some(placed), "found by its external id");
    assert_eq!(
        subject.list(of_user("alice")).await,
        [Arc::clone(placed)],
        "listed for its user"
    );
    let events = subject.events(id).await;
    assert_eq!(events.len(), 1, "one event");
    assert_eq!(
        (events[0].seq, &*events[0].event),
        (seq, &decision.event),
        "the event as it was decided, at the place that the commit told"
    );
    assert_eq!(
        subject.events_after(shard, Seq(0), 10).await.events,
        events,
        "the shard's events are the order's"
    );
    let counts = subject.counts().await;
    assert_eq!((counts.get(Status::Pending), counts.accepted()), (1, 1));
    assert_eq!(
        subject.next_due(shard).await,
        Some(Duration::ZERO),
        "its work is due"
    );
    assert_eq!(
        subject.claim_only(id, LONG).await.status,
        Status::Processing
    );
}

/// An outcome and its event come with one commit, and leave no work.
pub async fn an_outcome_brings_order_and_event_together(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::full("bob", "B-1"), LONG)
        .await;
    let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
    let result = Arc::from(r#"{"payment":"pay_123","ok":true}"#);
    let decision = claimed
        .complete(Some(result), receipt_key, subject.now())
        .expect("a claimed order can be completed");
    let seq = subject
        .must_write(write_at(&claimed, decision.clone()))
        .await;

    assert_eq!(subject.get(claimed.id).await, decision.order);
    let events = subject.events(claimed.id).await;
    assert_eq!(versions(&events), [1, 2, 3]);
    assert_eq!((events[2].seq, &*events[2].event), (seq, &decision.event));
    let counts = subject.counts().await;
    assert_eq!((counts.get(Status::Processed), counts.accepted()), (1, 1));
    let shard = subject.shard_of(&claimed.user_id);
    assert_eq!(subject.next_due(shard).await, None, "no work is left");
    assert!(subject.claim_all(LONG).await.is_empty());
}

/// Of a batch with every kind of conflict in it, each conflict fails for its own reason and the others are written.
pub async fn a_conflict_fails_alone(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let known = sample::numbered("dave", 100, "D-1");
    subject
        .must_write(subject.new_write(&known, Some("dave-key")))
        .await;
    let (moved_on, _) = subject.place(&sample::plain("dave", 200)).await;
    let held = subject.apply(&moved_on, OrderCommand::Hold).await;
    let stale = moved_on
        .apply(OrderCommand::Cancel, subject.now(), Cause::default())
        .expect("a pending order can be cancelled");

    let mut writes = Vec::new();
    for number in 0..10 {
        writes.push(subject.new_write(&sample::plain("dave", 1_000 + number), None));
        if number == 2 {
            writes.push(subject.new_write(&sample::numbered("dave", 101, "D-1"), None));
        } else if number == 5 {
            writes.push(subject.new_write(&sample::plain("dave", 102), Some("dave-key")));
        } else if number == 7 {
            writes.push(write_at(&moved_on, stale.clone()));
        }
    }
    let new_ids: Vec<_> = writes.iter().map(|write| write.decision.order.id).collect();
    let mut answers = subject.store.commit(writes, deadline()).await;
    assert_eq!(answers.len(), 13, "one answer a write");
    let conflicts = [10, 7, 3].map(|index| answers.remove(index));
    for answer in answers {
        written(answer, "a write that travelled with conflicts");
    }
    assert_eq!(
        conflicts,
        [
            Err(CommitError::Stale),
            Err(CommitError::KeyReused),
            Err(CommitError::ExternalIdTaken)
        ],
        "each conflict fails for its own reason"
    );
    assert_eq!(
        subject.get(held.id).await,
        held,
        "the stale write changed nothing"
    );
    for refused in [3, 7] {
        assert_eq!(
            subject.find_by_id(new_ids[refused]).await,
            None,
            "a refused order never appears"
        );
    }
    let counts = subject.counts().await;
    assert_eq!(
        (counts.get(Status::Pending), counts.get(Status::OnHold)),
        (11, 1)
    );
    let head = subject.head(subject.shard_of(&known.user_id)).await;
    assert_eq!(head, Seq(13), "refused writes leave no event and no gap");
}

/// A decision that the store cannot hold is refused alone, in its call and beside other calls.
pub async fn a_poison_decision_fails_alone(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::plain("erin", 100);
    let (victim, _) = subject.place(&command).await;
    // The same id again: no honest caller does it, and no store can hold it.
    let poison = || {
        let doubled = Order::place(
            sample::plain("erin", 666),
            victim.id,
            victim.created_at,
            Cause::default(),
            ReceiptLocation::Rendered,
        );
        write_new(doubled, &command, None)
    };
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..20 {
        let store = Arc::clone(&subject.store);
        let mut writes: Vec<Write> = (0..5)
            .map(|_| subject.new_write(&sample::plain("erin", call), None))
            .collect();
        writes.insert(2, poison());
        calls.spawn(async move { store.commit(writes, deadline()).await });
    }
    while let Some(answers) = calls.join_next().await {
        let mut answers = answers.expect("a commit does not panic");
        assert!(
            matches!(answers.remove(2), Err(CommitError::Refused(_))),
            "the poison is refused for good"
        );
        assert_eq!(answers.len(), 5);
        for answer in answers {
            written(answer, "a write that travelled with a poison decision");
        }
    }
    assert_eq!(
        subject.get(victim.id).await,
        victim,
        "what was there before is untouched"
    );
    assert_eq!(subject.counts().await.accepted(), 101);
    assert_eq!(
        subject.head(subject.shard_of(&command.user_id)).await,
        Seq(101),
        "a poison decision leaves no event and no gap"
    );
}

/// Writes of one call to one order are done in the order given.
pub async fn writes_to_one_order_are_done_in_their_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::plain("frank", 100);
    let placed = subject.decide(&command);
    let mut order = Arc::clone(&placed.order);
    let mut writes = vec![write_new(placed, &command, None)];
    for command in [
        OrderCommand::Hold,
        OrderCommand::Release,
        OrderCommand::Hold,
        OrderCommand::Release,
        OrderCommand::Cancel,
    ] {
        let decision = order
            .apply(command, subject.now(), Cause::default())
            .expect("hold and release take turns");
        let after = Arc::clone(&decision.order);
        writes.push(write_at(&order, decision));
        order = after;
    }
    let answers = subject.store.commit(writes, deadline()).await;
    let seqs: Vec<Seq> = answers
        .into_iter()
        .map(|answer| written(answer, "each step of one call"))
        .collect();
    assert!(seqs.is_sorted(), "in the order given: {seqs:?}");
    assert_eq!(subject.get(order.id).await, order);
    assert_eq!(
        versions(&subject.events(order.id).await),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(subject.counts().await.get(Status::Cancelled), 1);
    assert!(subject.claim_all(LONG).await.is_empty());
}

/// Each outcome of a batch leaves the job that it decided.
pub async fn outcomes_of_one_batch_leave_their_own_jobs(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for number in 0..4 {
        subject.place(&sample::plain("grace", number)).await;
    }
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(claimed.len(), 4);
    let now = subject.now();
    let failure = || Failure::new("timeout", "no answer");
    let decisions: [Decision; 3] = [
        claimed[1].retry(failure(), LONG, now),
        claimed[2].fail(failure(), now),
        claimed[3].give_back(None, Duration::ZERO, now),
    ]
    .map(|decision| decision.expect("a claimed order takes any outcome"));
    assert_eq!(decisions[0].job, Job::DueIn(LONG));
    let mut writes = vec![subject.completion(&claimed[0])];
    for (order, decision) in claimed[1..].iter().zip(decisions) {
        writes.push(write_at(order, decision));
    }
    assert!(
        writes
            .iter()
            .all(|write| matches!(write.guard, Guard::At { .. }))
    );
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "an outcome");
    }
    let again: Vec<_> = subject
        .claim_all(LONG)
        .await
        .iter()
        .map(|order| order.id)
        .collect();
    assert_eq!(again, [claimed[3].id], "only what was given back is due");
}
