//! Imported history: orders that ended elsewhere. One decision writes a whole life, marked as history, and leaves no
//! work.

use std::sync::Arc;

use application::ports::ListFilter;
use domain::{EventType, HistoryStatus, PlaceOrder, Seq, Status};

use super::subject::{Subject, decide_history, versions, write_new};
use super::{LONG, StoreFactory, sample};

/// An order that was processed elsewhere is one decision with three events, one that was cancelled has two. All are
/// marked as history, leave no work, and the order is listed at its own time.
pub async fn history_is_written_whole(factory: &dyn StoreFactory) {
    use EventType::{Cancelled, Created, Processed, Processing};
    is_written_whole(
        factory,
        HistoryStatus::Processed,
        &[Created, Processing, Processed],
    )
    .await;
    is_written_whole(factory, HistoryStatus::Cancelled, &[Created, Cancelled]).await;
}

async fn is_written_whole(factory: &dyn StoreFactory, status: HistoryStatus, types: &[EventType]) {
    let subject = Subject::fresh(factory).await;
    let (recent, _) = subject.place(&sample::plain("carol", 100)).await;
    let shard = subject.shard_of(&recent.user_id);
    let then = sample::time("2010-12-01T08:26:00Z");
    let command = PlaceOrder {
        // In history it is a fact like any other: no worker ever waits for it.
        process_after: Some(subject.now().saturating_add(LONG)),
        ..sample::full("carol", "536365")
    };
    let decision = decide_history(&command, then, status);
    let id = decision.order.id;
    let decided: Vec<_> = decision.earlier.iter().chain([&decision.event]).collect();
    let seq = subject
        .must_write(write_new(decision.clone(), &command, Some("import-1")))
        .await;

    assert_eq!(subject.get(id).await, decision.order);
    let events = subject.events(id).await;
    let stored: Vec<_> = events.iter().map(|found| &*found.event).collect();
    assert_eq!(stored, decided, "the events as they were decided");
    assert!(
        stored.iter().all(|event| event.history),
        "every event of history is marked"
    );
    let stored_types: Vec<EventType> = stored.iter().map(|event| event.event_type).collect();
    assert_eq!(stored_types, types);
    let expected: Vec<u32> = (1..).take(types.len()).collect();
    assert_eq!(versions(&events), expected);
    let last = events.last().expect("history has events");
    assert_eq!(last.seq, seq, "the commit returns its last event's seq");
    let page = subject.events_after(shard, Seq(1), 10).await;
    assert_eq!(
        page.events, events,
        "the events of one decision follow each other in the feed"
    );
    let filter = ListFilter {
        user_id: Some(sample::user("carol")),
        ..ListFilter::default()
    };
    assert_eq!(
        subject.list(filter).await,
        [Arc::clone(&recent), Arc::clone(&decision.order)],
        "history is older than what came in before it"
    );
    let counts = subject.counts().await;
    assert_eq!(
        (
            counts.get(decision.order.status),
            counts.get(Status::Pending)
        ),
        (1, 1)
    );
    let subject = subject.reopen().await;
    assert_eq!(subject.events(id).await, events);
    subject.claim_only(recent.id, LONG).await;
    assert_eq!(
        subject.next_due(shard).await,
        None,
        "history leaves no work"
    );
}
