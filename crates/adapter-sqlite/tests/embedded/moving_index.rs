//! Unique keys that move from the memtable to the index file during a commit that looks them up.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Committed, OrderWriter as _, Write};
use port_conformance::order_store::{OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// More than half of the memtable of the test store, so the indexer flushes them as soon as they are committed.
const MOVING: usize = 200;
/// The new orders between two lookups, so that the commit takes long enough for the indexer.
const BETWEEN: usize = 20;
const ROUNDS: u32 = 16;
/// How much later the indexer is resumed in each round, so that it runs at different stages of the commit.
const LATER: Duration = Duration::from_millis(3);

/// Every second order has an idempotency key, the others an external id.
fn with_unique_key(subject: &Subject, name: &str, number: usize) -> Write {
    if number.is_multiple_of(2) {
        subject.new_write(&sample::plain("alice", 1), Some(name))
    } else {
        subject.new_write(&sample::numbered("alice", 1, name), None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_indexed_during_a_commit_are_found_by_it() {
    let opened = Opened::fresh();
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let name = |number: usize| format!("{round}-{number}");
        store.pause_index();
        let new = (0..MOVING).map(|number| with_unique_key(&subject, &name(number), number));
        for answer in subject.store.commit(new.collect(), deadline()).await {
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
        }
        accepted += MOVING;

        // The first lookup, of a key that is in the file already, begins a snapshot of the file before the indexer is resumed.
        // The other lookups follow while the keys move.
        let mut again = vec![with_unique_key(&subject, "0-0", 0)];
        for number in 0..MOVING {
            let filler = sample::plain("bob", 1);
            again.extend((0..BETWEEN).map(|_| subject.new_write(&filler, None)));
            again.push(with_unique_key(&subject, &name(number), number));
        }
        accepted += MOVING * BETWEEN;
        let (answers, ()) = tokio::join!(store.commit(again, deadline()), async {
            tokio::time::sleep(LATER * round).await;
            store.resume_index();
        });
        let lookups = answers.iter().step_by(BETWEEN + 1).enumerate();
        for (lookup, answer) in lookups {
            assert!(
                matches!(answer, Ok(Committed::Replayed(_) | Committed::Existing(_))),
                "round {round}, lookup {lookup}: {answer:?}"
            );
        }
    }
    assert_eq!(subject.counts().await.accepted(), accepted as u64);
    store.close().await;
}
