//! Imported history: orders that ended elsewhere. One decision writes a whole life, marked as history, and leaves no
//! work.

use std::sync::Arc;

use application::ports::{CommitError, ListFilter, ListQuery, StoreError, Write};
use domain::{EventType, HistoryStatus, Order, PlaceOrder, Seq, Status};

use super::list_model::read_to_end;
use super::subject::{Subject, deadline, decide_history, versions, write_new, written};
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
    assert!(
        stored.iter().all(|event| event.history),
        "every event of history is marked"
    );
    assert_eq!(stored, decided, "the events as they were decided");
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

/// A file may have a date alone, so that thousands of orders are of one millisecond: all of them go in, call after call,
/// and are found and listed like any others.
pub async fn a_full_millisecond_takes_more_orders(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let then = sample::time("2010-12-01T00:00:00Z");
    let mut orders: Vec<Arc<Order>> = Vec::new();
    for (first, count) in [(0, 2_000), (2_000, 3_000)] {
        let writes: Vec<Write> = (first..first + count)
            .map(|number| {
                let user_id = if number % 2 == 0 {
                    "carol".to_owned()
                } else {
                    format!("user-{}", number % 50)
                };
                let command = sample::numbered(&user_id, number, &format!("N-{number}"));
                let decision = decide_history(&command, then, HistoryStatus::Processed);
                write_new(decision, &command, None)
            })
            .collect();
        orders.extend(writes.iter().map(|write| Arc::clone(&write.decision.order)));
        go_in(&subject, writes).await;
    }
    assert_eq!(subject.counts().await.get(Status::Processed), 5_000);
    are_found(&subject, &orders).await;
    let subject = subject.reopen().await;
    are_found(&subject, &orders).await;
    let erased = &orders[2_468];
    subject.erase(erased).await;
    assert_eq!(subject.find_by_id(erased.id).await, None);
    let command = sample::numbered("carol", 1, "N-2468");
    let decision = decide_history(&command, then, HistoryStatus::Cancelled);
    let more = Arc::clone(&decision.order);
    go_in(&subject, vec![write_new(decision, &command, None)]).await;
    assert_eq!(subject.get(more.id).await, more, "and one more");
}

/// Writes all of them; those that a full queue turns away are tried again, as a caller does.
async fn go_in(subject: &Subject, writes: Vec<Write>) {
    let mut waiting = writes;
    for _ in 0..100 {
        let answers = subject.store.commit(waiting.clone(), deadline()).await;
        let mut turned_away = Vec::new();
        for (write, answer) in waiting.into_iter().zip(answers) {
            if let Err(CommitError::Store(StoreError::Overloaded { .. })) = answer {
                turned_away.push(write);
            } else {
                written(answer, "an order of a full millisecond");
            }
        }
        if turned_away.is_empty() {
            return;
        }
        waiting = turned_away;
    }
    panic!(
        "a full millisecond takes more orders, but {} were turned away again and again",
        waiting.len()
    );
}

async fn are_found(subject: &Subject, orders: &[Arc<Order>]) {
    for order in orders.iter().step_by(97) {
        assert_eq!(subject.get(order.id).await, *order);
        let external_id = order.external_id.as_ref().expect("it has one");
        let found = subject.store.find(&order.user_id, external_id).await;
        assert_eq!(found, Ok(Some(Arc::clone(order))));
        assert_eq!(versions(&subject.events(order.id).await), [1, 2, 3]);
    }
    for user_id in ["carol", "user-7"] {
        let query = ListQuery {
            filter: ListFilter {
                user_id: Some(sample::user(user_id)),
                ..ListFilter::default()
            },
            before: None,
            limit: 100,
            scan_limit: 1_000,
        };
        let listed = read_to_end(subject, query, user_id).await;
        let mut expected: Vec<_> = orders
            .iter()
            .filter(|order| order.user_id.as_str() == user_id)
            .cloned()
            .collect();
        expected.sort_unstable_by_key(|order| std::cmp::Reverse(order.id));
        assert!(listed == expected, "the list of {user_id} is not exact");
    }
}
