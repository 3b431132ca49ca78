//! What is not written: stale decisions, expired ones, and what a full queue turns away.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Committed, Guard, StoreError, Write};
use domain::{Cause, Order, OrderCommand, Seq, Status, Version};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline, versions, write_at, written};
use super::{LONG, StoreFactory, sample};

/// A guard that does not hold (another version, another status, no such order) writes nothing at all.
pub async fn a_stale_guard_writes_nothing(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (placed, _) = subject.place(&sample::plain("alice", 100)).await;
    let held = subject.apply(&placed, OrderCommand::Hold).await;
    let shard = subject.shard_of(&placed.user_id);
    let head = subject.head(shard).await;
    let apply = |order: &Order, command| {
        order
            .apply(command, subject.now(), Cause::default())
            .expect("the rules allow it")
    };

    let old_version = write_at(&placed, apply(&placed, OrderCommand::Cancel));
    let other_status = Write {
        guard: Guard::At {
            version: held.version,
            status: Status::Pending,
        },
        ..write_at(&held, apply(&held, OrderCommand::Release))
    };
    let future_version = Write {
        guard: Guard::At {
            version: Version::from_number(9).expect("9 is a version"),
            status: Status::OnHold,
        },
        ..write_at(&held, apply(&held, OrderCommand::Cancel))
    };
    let unknown = subject.decide(&sample::plain("alice", 5)).order;
    let no_order = write_at(&unknown, apply(&unknown, OrderCommand::Cancel));
    let unknown_id = unknown.id;
    for (what, write) in [
        ("an older version", old_version),
        ("another status", other_status),
        ("a version to come", future_version),
        ("an unknown order", no_order),
    ] {
        assert_eq!(
            subject.commit_one(write).await,
            Err(CommitError::Stale),
            "{what}"
        );
    }
    assert_eq!(subject.get(held.id).await, held);
    assert_eq!(subject.find_by_id(unknown_id).await, None);
    assert_eq!(subject.head(shard).await, head, "no event was written");
    let counts = subject.counts().await;
    assert_eq!((counts.get(Status::OnHold), counts.accepted()), (1, 1));
}

/// Of many decisions made from one version, one is written.
pub async fn of_concurrent_changes_one_wins(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let other = subject.opened.second().await.map(Subject::from);
    for round in 0..5 {
        let (placed, _) = subject.place(&sample::plain("bob", round)).await;
        let mut changes = JoinSet::new();
        for number in 0..32 {
            let command = if number % 2 == 0 {
                OrderCommand::Hold
            } else {
                OrderCommand::Cancel
            };
            let decision = placed
                .apply(command, subject.now(), Cause::default())
                .expect("a pending order can be held and cancelled");
            let process = other
                .as_ref()
                .filter(|_| number % 3 == 0)
                .unwrap_or(&subject);
            let store = Arc::clone(&process.store);
            let write = write_at(&placed, decision);
            changes.spawn(async move {
                let after = Arc::clone(&write.decision.order);
                (after, store.commit(vec![write], deadline()).await.remove(0))
            });
        }
        let mut winners = Vec::new();
        while let Some(answer) = changes.join_next().await {
            match answer.expect("a commit does not panic") {
                (after, Ok(Committed::Written { .. })) => winners.push(after),
                (_, Err(CommitError::Stale)) => {}
                (_, answer) => panic!("neither written nor stale: {answer:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "exactly one decision wins");
        assert_eq!(subject.get(placed.id).await, winners[0]);
        assert_eq!(versions(&subject.events(placed.id).await), [1, 2]);
    }
}

/// A decision whose deadline has passed is refused as expired, and never appears.
pub async fn what_expired_never_appears(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::numbered("carol", 100, "C-1");
    let write = subject.new_write(&command, Some("carol-key"));
    let expired_id = write.decision.order.id;
    let passed = tokio::time::Instant::now() - Duration::from_millis(1);
    let answers = subject.store.commit(vec![write], passed).await;
    assert_eq!(answers, [Err(CommitError::Store(StoreError::Expired))]);

    // Deadlines that pass while the writes wait: whatever the answer, the store keeps to it.
    let mut calls = JoinSet::new();
    for number in 0..64 {
        let store = Arc::clone(&subject.store);
        let write = subject.new_write(&sample::plain("carol", number), None);
        let soon = tokio::time::Instant::now() + Duration::from_micros(number * 100);
        calls.spawn(async move {
            let id = write.decision.order.id;
            (id, store.commit(vec![write], soon).await.remove(0))
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.push(answer.expect("a commit does not panic"));
    }
    // Anything that a refused write left behind in the queue would be written before this one.
    subject.place(&sample::plain("carol", 999)).await;
    assert_eq!(
        subject.find_by_id(expired_id).await,
        None,
        "a decision was answered as expired and appeared"
    );
    for (id, answer) in answers {
        let is_there = subject.find_by_id(id).await.is_some();
        match answer {
            Ok(Committed::Written { .. }) => assert!(is_there, "{id} was confirmed"),
            Err(CommitError::Store(StoreError::Expired | StoreError::Overloaded { .. })) => {
                assert!(!is_there, "{id} was refused and appeared");
            }
            Err(CommitError::Store(StoreError::Unknown { .. })) => {}
            other => panic!("a late write is written, expired or unknown: {other:?}"),
        }
    }
    let again = subject.new_write(&sample::numbered("carol", 7, "C-1"), Some("carol-key"));
    subject.must_write(again).await; // the expired write bound neither key nor external id
}

/// A burst beyond any queue is written or turned away clearly, and nothing that was turned away appears.
pub async fn a_burst_is_written_or_refused_clearly(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut calls = JoinSet::new();
    for call in 0..64_u64 {
        let store = Arc::clone(&subject.store);
        let writes: Vec<Write> = (0..50)
            .map(|number| subject.new_write(&sample::plain(&format!("user-{call}"), number), None))
            .collect();
        calls.spawn(async move { store.commit(writes, deadline()).await });
    }
    let mut written_count = 0;
    while let Some(answers) = calls.join_next().await {
        for answer in answers.expect("a commit does not panic") {
            match answer {
                Ok(Committed::Written { .. }) => written_count += 1,
                Err(CommitError::Store(StoreError::Overloaded { .. })) => {}
                other => panic!("a burst is written or overloads: {other:?}"),
            }
        }
    }
    assert!(written_count > 0, "something got through");
    assert_eq!(subject.counts().await.accepted(), written_count);
}

/// A write that was confirmed is in every read that begins after it.
pub async fn a_reader_sees_what_was_confirmed(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let mut writers = JoinSet::new();
    for writer in 0..32 {
        let subject = Arc::clone(&subject);
        writers.spawn(async move {
            for number in 0..15 {
                let user_id = format!("reader-{writer}");
                let external_id = format!("R-{number}");
                let command = sample::numbered(&user_id, number, &external_id);
                let (placed, seq) = subject.place(&command).await;
                sees(&subject, &placed, seq).await;
                if number % 3 == 0 {
                    let cancelled = subject.apply(&placed, OrderCommand::Cancel).await;
                    let found = subject.get(placed.id).await;
                    assert_eq!(found, cancelled, "get after a change");
                    assert_eq!(versions(&subject.events(placed.id).await), [1, 2]);
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let counts = subject.counts().await;
    assert_eq!(
        (counts.get(Status::Cancelled), counts.accepted()),
        (160, 480),
        "counts reconcile"
    );
    let waiting = subject.claim_all(LONG).await.len();
    assert_eq!(waiting, 320, "what is pending is what can be claimed");
}

async fn sees(subject: &Subject, placed: &Arc<Order>, seq: Seq) {
    assert_eq!(subject.get(placed.id).await, *placed, "get");
    let external_id = placed.external_id.as_ref().expect("it has one");
    let found = subject.store.find(&placed.user_id, external_id).await;
    assert_eq!(found, Ok(Some(Arc::clone(placed))), "find");
    let filter = application::ports::ListFilter {
        user_id: Some(placed.user_id.clone()),
        ..application::ports::ListFilter::default()
    };
    let listed = subject.list(filter).await;
    assert!(
        listed.contains(placed),
        "the list of {} lacks the order just confirmed",
        placed.user_id
    );
    assert_eq!(subject.events(placed.id).await[0].seq, seq, "events");
    let shard = subject.shard_of(&placed.user_id);
    let page = subject.events_after(shard, Seq(seq.0 - 1), 1).await;
    assert!(
        page.head.seq >= seq,
        "the head is behind what was confirmed"
    );
    let event = page
        .events
        .first()
        .expect("the event is in the shard's stream");
    assert_eq!((event.seq, event.event.order_id), (seq, placed.id));
}

/// The counts follow every kind of change.
pub async fn counts_follow_every_change(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for number in 0..7 {
        subject.place(&sample::plain("dave", number)).await;
    }
    let claimed = subject.claim_all(LONG).await;
    subject.complete(&claimed[0]).await;
    let dead = subject.fail(&claimed[1], "handler_rejected").await;
    let other_dead = subject.fail(&claimed[2], "handler_rejected").await;
    subject.retry(&claimed[3], LONG).await;
    subject.fail(&claimed[4], "handler_rejected").await;
    subject.apply(&dead, OrderCommand::Replay).await;
    subject.apply(&other_dead, OrderCommand::Discard).await;
    let (held, _) = subject.place(&sample::plain("dave", 7)).await;
    subject.apply(&held, OrderCommand::Hold).await;
    let counts = subject.counts().await;
    let by_status = Status::ALL.map(|status| (status, counts.get(status)));
    assert_eq!(
        by_status,
        [
            (Status::Pending, 1),
            (Status::Processing, 2),
            (Status::Retrying, 1),
            (Status::Processed, 1),
            (Status::Failed, 1),
            (Status::OnHold, 1),
            (Status::Cancelled, 1),
        ]
    );
    assert_eq!(counts.accepted(), 8);
}

/// A batch whose writes belong to different shards is answered in the order given.
pub async fn answers_come_in_the_order_of_the_writes(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let users = [
        "alice", "zoe", "9", "Mallory", "нина", "bob", "yves", "Émile",
    ];
    let writes: Vec<Write> = (0..80)
        .map(|number| {
            let user_id = users[number % users.len()];
            subject.new_write(&sample::plain(user_id, number as u64), None)
        })
        .collect();
    let ids: Vec<_> = writes.iter().map(|write| write.decision.order.id).collect();
    let answers = subject.store.commit(writes, deadline()).await;
    assert_eq!(answers.len(), ids.len());
    for (id, answer) in ids.into_iter().zip(answers) {
        let seq = written(answer, "a write of a mixed batch");
        let events = subject.events(id).await;
        assert_eq!(
            events[0].seq, seq,
            "the answer at this place is this order's"
        );
    }
    assert_eq!(subject.store.commit(Vec::new(), deadline()).await, []);
}
