//! The random bits of event positions: one number for each commit, and the same wherever an event is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adapter_sqlite::SHARDS;
use application::in_process::InProcessHints;
use application::ports::{EventFeed as _, Ids, OrderWriter as _, SequencedEvent};
use domain::{EventPosition, Seq};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::{Opened, open_with};

/// Counts up instead of drawing random numbers.
struct Counting(AtomicU64);

impl Ids for Counting {
    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn bits_of(events: &[SequencedEvent]) -> Vec<u32> {
    events.iter().map(|found| found.bits).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_commit_draws_one_number_that_all_its_events_share() {
    let opened = Opened::fresh();
    opened.store.close().await;
    let hints = Arc::new(InProcessHints::new(&SHARDS));
    let ids = Arc::new(Counting(AtomicU64::new(1 << 31)));
    let store = open_with(opened.folder.path(), &opened.clock, &hints, ids);
    let opened = Opened {
        store: Arc::new(store.expect("the folder is free")),
        hints,
        ..opened
    };
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let writes = (0..3).map(|_| subject.new_write(&sample::plain("alice", 1), None));
    for answer in store.commit(writes.collect(), deadline()).await {
        answer.expect("a new order is written");
    }
    assert_eq!(subject.claim_from(SHARDS[0], 2, LONG).await.len(), 2);
    let page = subject.events_after(SHARDS[0], Seq(0), 10).await;
    let first = 1_u32 << 31;
    let second = first + 1;
    assert_eq!(bits_of(&page.events), [first, first, first, second, second]);
    let head = EventPosition {
        seq: Seq(5),
        bits: second,
    };
    assert_eq!(page.head, head);
    assert_eq!(
        store.event_position(SHARDS[0], Seq(5)).await,
        Ok(Some(head))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_the_same_in_memory_on_disk_and_after_a_restart() {
    let subject = Subject::from(Box::new(Opened::fresh()) as Box<dyn OpenStore>);
    for number in 0..100 {
        subject.place(&sample::plain("alice", number)).await;
    }
    for order in subject.claim_all(LONG).await {
        subject.complete(&order).await;
    }
    // Only the last 64 events are in memory.
    let kept = subject.events_after(SHARDS[0], Seq(290), 10).await;
    let all = subject.events_after(SHARDS[0], Seq(0), 300).await;
    assert_eq!((all.events.len(), kept.events.len()), (300, 10));
    assert_eq!(all.events[290..], kept.events);
    let distinct: std::collections::HashSet<u32> = bits_of(&all.events).into_iter().collect();
    // There are about 201 commits, and two of them may draw the same number.
    assert!(distinct.len() > 190, "{}", distinct.len());
    let subject = subject.reopen().await;
    let again = subject.events_after(SHARDS[0], Seq(0), 300).await;
    assert_eq!(again, all);
    for found in &all.events {
        let position = subject.event_position(SHARDS[0], found.seq).await;
        assert_eq!(position, Some(found.position()));
    }
    let of_order = subject.events(all.events[0].event.order_id).await;
    assert_eq!(of_order.len(), 3);
    for found in of_order {
        let index = usize::try_from(found.seq.0 - 1).expect("a small number");
        assert_eq!(found, all.events[index]);
    }
    let origin = subject.event_position(SHARDS[0], Seq(0)).await;
    assert_eq!(origin, Some(EventPosition::default()));
    assert_eq!(subject.event_position(SHARDS[0], Seq(301)).await, None);
}
