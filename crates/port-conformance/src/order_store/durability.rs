//! What the next process finds, and what closing promises.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Committed, ListFilter, RescuePolicy, StoreError};
use domain::{OrderCommand, OrderId, Seq, ShardId, Status};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline};
use super::{LONG, SHORT, StoreFactory, sample};

/// Orders, events, positions, counts and waiting jobs are there for the next process, exactly as they were.
pub async fn the_next_process_finds_everything(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let done = subject
        .place_and_claim(&sample::full("alice", "A-1"), LONG)
        .await;
    let done = subject.complete(&done).await;
    let dead = subject
        .place_and_claim(&sample::plain("alice", 2), LONG)
        .await;
    let dead = subject.fail(&dead, "handler_rejected").await;
    let far = subject
        .place_and_claim(&sample::plain("alice", 4), LONG)
        .await;
    let far = subject.retry(&far, LONG).await;
    // Last of those that are claimed: from here on it may become due at any time.
    let near = subject
        .place_and_claim(&sample::plain("alice", 3), LONG)
        .await;
    let near = subject.retry(&near, SHORT).await;
    let (held, _) = subject.place(&sample::plain("alice", 5)).await;
    let held = subject.apply(&held, OrderCommand::Hold).await;
    let (waiting, _) = subject.place(&sample::numbered("alice", 6, "A-6")).await;
    let shard = subject.shard_of(&waiting.user_id);
    let before = subject.events_after(shard, Seq(0), 1_000).await;
    let counts = subject.counts().await;

    let subject = subject.reopen().await;
    for order in [&done, &dead, &near, &far, &held, &waiting] {
        assert_eq!(subject.get(order.id).await, *order);
    }
    assert_eq!(subject.events_after(shard, Seq(0), 1_000).await, before);
    assert_eq!(subject.counts().await, counts);
    let listed: Vec<OrderId> = subject
        .list(ListFilter::default())
        .await
        .iter()
        .map(|order| order.id)
        .collect();
    let mut expected = [&done, &dead, &near, &far, &held, &waiting].map(|order| order.id);
    expected.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(listed, expected);

    subject.pass(SHORT).await;
    let mut claimed: Vec<OrderId> = subject
        .claim_all(LONG)
        .await
        .iter()
        .map(|order| order.id)
        .collect();
    claimed.sort_unstable();
    let mut due = [near.id, waiting.id];
    due.sort_unstable();
    assert_eq!(claimed, due, "jobs that were waiting are due at their time");
    let (_, seq) = subject.place(&sample::plain("alice", 7)).await;
    assert_eq!(
        seq,
        Seq(before.head.seq.0 + 3),
        "numbers go on without a gap"
    );
}

/// What an earlier process had claimed is rescued once its lease has ended, and its old token is stale.
pub async fn claims_of_an_earlier_process_are_rescued(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let lease = if subject.opened.claims_end_with_the_process() {
        LONG
    } else {
        SHORT
    };
    let lost = subject
        .place_and_claim(&sample::plain("bob", 1), lease)
        .await;
    let subject = subject.reopen().await;
    if lease == SHORT {
        subject.pass(SHORT).await;
    }
    let shard = subject.shard_of(&lost.user_id);
    let policy = RescuePolicy {
        max_attempts: 3,
        delay: Duration::ZERO,
    };
    let rescued = subject.store.rescue(shard, policy, 10).await;
    assert!(rescued.is_ok(), "{rescued:?}");
    let standing = subject.get(lost.id).await;
    let code = standing.failure.as_ref().map(|failure| &*failure.code);
    assert_eq!(
        (standing.status, standing.attempt, code),
        (Status::Retrying, 1, Some("lease_lost")),
        "a crash counts as an attempt"
    );
    assert_eq!(
        subject.commit_one(subject.completion(&lost)).await,
        Err(CommitError::Stale)
    );
    let again = subject.claim_only(lost.id, LONG).await;
    assert_eq!(again.attempt, 2);
}

/// Closing finishes what was taken and turns away the rest; each caller gets the true answer.
pub async fn closing_keeps_what_was_confirmed(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&subject.store);
        let write = subject.new_write(&sample::plain("carol", number), None);
        calls.spawn(async move {
            let id = write.decision.order.id;
            if number > 50 {
                tokio::time::sleep(Duration::from_micros(number * 20)).await;
            }
            (id, store.commit(vec![write], deadline()).await.remove(0))
        });
    }
    subject.store.close().await;
    subject.store.close().await;
    let late = subject.new_write(&sample::plain("carol", 999), None);
    let late_id = late.decision.order.id;
    let answer = subject.commit_one(late).await;
    assert!(
        matches!(
            answer,
            Err(CommitError::Store(StoreError::Unavailable { .. }))
        ),
        "a closed store says so: {answer:?}"
    );
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.push(answer.expect("a commit does not panic"));
    }
    let subject = subject.reopen().await;
    assert_eq!(subject.find_by_id(late_id).await, None);
    for (id, answer) in answers {
        let is_there = subject.find_by_id(id).await.is_some();
        match answer {
            Ok(Committed::Written { .. }) => assert!(is_there, "{id} was confirmed and is lost"),
            Err(CommitError::Store(StoreError::Unknown { .. })) => {}
            Err(CommitError::Store(_)) => assert!(!is_there, "{id} was refused and appeared"),
            other => panic!("written or unavailable: {other:?}"),
        }
    }
}

/// The shards are ascending, and each bucket belongs to one of them, the same one in every process.
pub async fn every_bucket_has_its_shard(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shards = subject.store.shards().to_vec();
    assert!(!shards.is_empty() && shards.is_sorted());
    let map = |subject: &Subject| -> Vec<ShardId> {
        (0..domain::Bucket::COUNT)
            .filter_map(domain::Bucket::from_number)
            .map(|bucket| subject.store.shard_of(bucket))
            .collect()
    };
    let before = map(&subject);
    assert!(before.iter().all(|shard| shards.contains(shard)));
    let subject = subject.reopen().await;
    assert_eq!(map(&subject), before);
}
