//! One key, or one external id, makes at most one order, whatever is repeated, changed or done at once.

use std::sync::Arc;

use application::ports::{CommitError, Committed};
use domain::{Order, OrderId, PlaceOrder};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline, versions, written};
use super::{LONG, StoreFactory, sample};

/// The outcomes of many requests: the orders written, and the answers to the others.
struct Outcomes {
    written: Vec<OrderId>,
    replayed: Vec<Arc<Order>>,
    existing: Vec<Arc<Order>>,
    refused: Vec<CommitError>,
}

async fn all_at_once(
    processes: &[&Subject],
    requests: Vec<(PlaceOrder, Option<&str>)>,
) -> Outcomes {
    let mut calls = JoinSet::new();
    for (number, (command, key)) in requests.into_iter().enumerate() {
        let process = processes[number % processes.len()];
        let write = process.new_write(&command, key);
        let store = Arc::clone(&process.store);
        calls.spawn(async move {
            let id = write.decision.order.id;
            (id, store.commit(vec![write], deadline()).await.remove(0))
        });
    }
    let mut outcomes = Outcomes {
        written: Vec::new(),
        replayed: Vec::new(),
        existing: Vec::new(),
        refused: Vec::new(),
    };
    while let Some(call) = calls.join_next().await {
        match call.expect("a commit does not panic") {
            (id, Ok(Committed::Written { .. })) => outcomes.written.push(id),
            (_, Ok(Committed::Replayed(order))) => outcomes.replayed.push(order),
            (_, Ok(Committed::Existing(order))) => outcomes.existing.push(order),
            (_, Err(error)) => outcomes.refused.push(error),
        }
    }
    outcomes
}

async fn two_hundred_equal_requests(processes: &[&Subject]) {
    let command = sample::full("alice", "A-1");
    let requests = vec![(command.clone(), Some("one-key")); 200];
    let outcomes = all_at_once(processes, requests).await;
    assert_eq!(
        outcomes.refused,
        [],
        "a concurrent equal request waits and gets the replay"
    );
    assert_eq!(
        outcomes.written.len(),
        1,
        "200 equal requests with one key make one order"
    );
    assert_eq!(outcomes.replayed.len(), 199, "the others are its replay");
    let id = outcomes.written[0];
    assert!(outcomes.replayed.iter().all(|order| order.id == id));
    for process in processes {
        assert_eq!(process.counts().await.accepted(), 1);
        assert_eq!(versions(&process.events(id).await), [1]);
    }
}

/// 200 equal requests at once with one key make one order, and 199 replays of it.
pub async fn equal_requests_at_once_make_one_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    two_hundred_equal_requests(&[&subject]).await;
}

/// The same with the requests spread over two processes.
pub async fn equal_requests_to_two_processes_make_one_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    if let Some(second) = subject
        .second("equal_requests_to_two_processes_make_one_order")
        .await
    {
        two_hundred_equal_requests(&[&subject, &second]).await;
    }
}

/// Equal requests without a key but with an external id make one order too, and the other answers name it.
pub async fn equal_external_ids_at_once_make_one_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let processes: Vec<&Subject> = std::iter::once(&subject).chain(&second).collect();
    let command = sample::full("alice", "A-1");
    let keys = [None, Some("k-1"), Some("k-2")];
    let requests = (0..90)
        .map(|number| (command.clone(), keys[number % 3]))
        .collect();
    let outcomes = all_at_once(&processes, requests).await;
    assert_eq!(outcomes.refused, []);
    assert_eq!(outcomes.written.len(), 1, "one external id makes one order");
    let id = outcomes.written[0];
    let others = outcomes.replayed.iter().chain(&outcomes.existing);
    assert!(others.clone().all(|order| order.id == id));
    assert_eq!(others.count(), 89);
    assert_eq!(subject.counts().await.accepted(), 1);
}

/// Of different bodies with one key, one is taken and the others are refused.
pub async fn of_different_bodies_with_one_key_one_wins(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let processes: Vec<&Subject> = std::iter::once(&subject).chain(&second).collect();
    let requests = (0..60)
        .map(|number| (sample::plain("bob", number), Some("one-key")))
        .collect();
    let outcomes = all_at_once(&processes, requests).await;
    assert_eq!(
        outcomes.written.len(),
        1,
        "of different bodies with one key one is written"
    );
    assert_eq!(outcomes.refused, vec![CommitError::KeyReused; 59]);
    assert_eq!(subject.counts().await.accepted(), 1);
}

/// Equal writes of one call are answered as if they had come one after the other.
pub async fn equal_writes_of_one_batch_make_one_order(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::numbered("carol", 100, "C-1");
    let other_body = sample::numbered("carol", 101, "C-2");
    let same_number = sample::numbered("carol", 102, "C-1");
    let writes = vec![
        subject.new_write(&command, Some("k-1")),
        subject.new_write(&command, Some("k-1")),
        subject.new_write(&other_body, Some("k-1")),
        subject.new_write(&command, None),
        subject.new_write(&command, Some("k-2")),
        subject.new_write(&same_number, None),
        subject.new_write(&other_body, Some("k-2")),
    ];
    let first = Arc::clone(&writes[0].decision.order);
    let last = writes[6].decision.order.id;
    let mut answers = subject.store.commit(writes, deadline()).await.into_iter();
    let mut next = || answers.next().expect("one answer a write");
    written(next(), "the first of equal writes");
    assert_eq!(next(), Ok(Committed::Replayed(Arc::clone(&first))));
    assert_eq!(next(), Err(CommitError::KeyReused));
    assert_eq!(next(), Ok(Committed::Existing(Arc::clone(&first))));
    assert_eq!(next(), Ok(Committed::Existing(Arc::clone(&first))));
    assert_eq!(next(), Err(CommitError::ExternalIdTaken));
    written(
        next(),
        "a key that only a repeated external id was tried with",
    );
    assert_eq!(subject.counts().await.accepted(), 2);
    assert_eq!(subject.get(last).await.version.get(), 1);
}

/// A known key with the same body is a replay, with another body a refusal; a key is one user's.
pub async fn a_key_stands_for_one_body_of_one_user(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::plain("dave", 100);
    let first = subject.new_write(&command, Some("key"));
    let id = first.decision.order.id;
    subject.must_write(first).await;
    let replay = subject
        .commit_one(subject.new_write(&command, Some("key")))
        .await;
    assert!(
        matches!(&replay, Ok(Committed::Replayed(order)) if order.id == id),
        "{replay:?}"
    );
    let other_body = subject.new_write(&sample::plain("dave", 101), Some("key"));
    assert_eq!(
        subject.commit_one(other_body).await,
        Err(CommitError::KeyReused)
    );
    for (command, key) in [
        (sample::plain("Dave", 100), "key"),
        (sample::plain("dave", 100), "KEY"),
        (sample::plain("dave", 100), "key-"),
    ] {
        subject
            .must_write(subject.new_write(&command, Some(key)))
            .await;
    }
    assert_eq!(subject.counts().await.accepted(), 4);
}

/// The key decides first: a known key replays or refuses, whatever the external id says.
pub async fn the_key_is_looked_at_before_the_external_id(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let first = sample::numbered("erin", 100, "E-1");
    let second = sample::numbered("erin", 200, "E-2");
    let placed = subject.new_write(&first, Some("k-1"));
    let order = Arc::clone(&placed.decision.order);
    subject.must_write(placed).await;
    subject
        .must_write(subject.new_write(&second, Some("k-2")))
        .await;

    let answer =
        async |command: &PlaceOrder, key| subject.commit_one(subject.new_write(command, key)).await;
    assert_eq!(
        answer(&first, Some("k-1")).await,
        Ok(Committed::Replayed(Arc::clone(&order))),
        "known key, known external id"
    );
    assert_eq!(
        answer(&second, Some("k-1")).await,
        Err(CommitError::KeyReused),
        "known key with the body of another order"
    );
    assert_eq!(
        answer(&first, Some("k-3")).await,
        Ok(Committed::Existing(Arc::clone(&order))),
        "new key, known external id"
    );
    assert_eq!(
        answer(&first, None).await,
        Ok(Committed::Existing(order)),
        "no key, known external id"
    );
    let other_body = sample::numbered("erin", 300, "E-1");
    assert_eq!(
        answer(&other_body, Some("k-4")).await,
        Err(CommitError::ExternalIdTaken),
        "new key, known external id with another body"
    );
    assert_eq!(subject.counts().await.accepted(), 2);
}

/// A key is bound by the commit of its order alone: a refusal or an existing order leaves it free.
pub async fn a_refusal_binds_no_key(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::numbered("frank", 100, "F-1");
    subject.must_write(subject.new_write(&command, None)).await;
    let taken = sample::numbered("frank", 101, "F-1");
    assert_eq!(
        subject
            .commit_one(subject.new_write(&taken, Some("k-1")))
            .await,
        Err(CommitError::ExternalIdTaken)
    );
    let existing = subject
        .commit_one(subject.new_write(&command, Some("k-2")))
        .await;
    assert!(
        matches!(existing, Ok(Committed::Existing(_))),
        "{existing:?}"
    );
    for key in ["k-1", "k-2"] {
        let fresh = sample::plain("frank", 500);
        subject
            .must_write(subject.new_write(&fresh, Some(key)))
            .await;
    }
}

/// External ids are unique per user, compared exactly; without one, equal bodies are different orders.
pub async fn an_external_id_belongs_to_its_user(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for command in [
        sample::numbered("grace", 100, "G-1"),
        sample::numbered("Grace", 100, "G-1"),
        sample::numbered("grace", 100, "g-1"),
        sample::numbered("grace", 100, "G-1 "),
        sample::numbered("grace", 100, "Gr\u{fc}n"),
        sample::numbered("grace", 100, "Gru\u{308}n"),
        sample::plain("grace", 100),
        sample::plain("grace", 100),
    ] {
        let (placed, _) = subject.place(&command).await;
        if let Some(external_id) = &placed.external_id {
            let found = subject.store.find(&placed.user_id, external_id).await;
            assert_eq!(found, Ok(Some(placed)), "exactly its own order");
        }
    }
    let other = sample::user("other");
    let found = subject
        .store
        .find(&other, &sample::external_id("G-1"))
        .await;
    assert_eq!(found, Ok(None));
    assert_eq!(subject.counts().await.accepted(), 8);
}

/// A replay and an existing order show the order as it is now, for as long as the order lives.
pub async fn a_replay_shows_the_order_as_it_is_now(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::full("heidi", "H-1");
    subject
        .must_write(subject.new_write(&command, Some("key")))
        .await;
    let claimed = subject.claim_all(LONG).await.remove(0);
    let processed = subject.complete(&claimed).await;
    let subject = subject.reopen().await;
    assert_eq!(
        subject
            .commit_one(subject.new_write(&command, Some("key")))
            .await,
        Ok(Committed::Replayed(Arc::clone(&processed)))
    );
    assert_eq!(
        subject.commit_one(subject.new_write(&command, None)).await,
        Ok(Committed::Existing(processed))
    );
}
