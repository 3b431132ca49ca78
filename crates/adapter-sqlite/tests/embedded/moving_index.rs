//! Names that move from memory into the index file while one commit is looking them up.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Committed, OrderWriter as _, Write};
use port_conformance::order_store::{OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// More than half of what the test's store keeps in memory: the indexer begins as soon as they are committed.
const MOVING: usize = 200;
/// New orders between two lookups, so that the commit lasts while the indexer works.
const BETWEEN: usize = 20;
const ROUNDS: u32 = 16;
/// How much later the indexer is let go in each round, so that it meets the commit at many places.
const LATER: Duration = Duration::from_millis(3);

/// Every second order goes by a key, the others by an external id.
fn named(subject: &Subject, name: &str, number: usize) -> Write {
    if number.is_multiple_of(2) {
        subject.new_write(&sample::plain("alice", 1), Some(name))
    } else {
        subject.new_write(&sample::numbered("alice", 1, name), None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_become_indexed_during_a_commit_are_found_by_it() {
    let opened = Opened::fresh();
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let name = |number: usize| format!("{round}-{number}");
        store.pause_index();
        let fresh = (0..MOVING).map(|number| named(&subject, &name(number), number));
        for answer in subject.store.commit(fresh.collect(), deadline()).await {
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
        }
        accepted += MOVING;

        // The first lookup, of a name that is in the file for long, begins to read the file as it is before the
        // indexer is let go; those behind it come while the names move.
        let mut again = vec![named(&subject, "0-0", 0)];
        for number in 0..MOVING {
            let filler = sample::plain("bob", 1);
            again.extend((0..BETWEEN).map(|_| subject.new_write(&filler, None)));
            again.push(named(&subject, &name(number), number));
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
