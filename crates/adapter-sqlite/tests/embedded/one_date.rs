//! An import of old orders with dates alone: all of them have the same millisecond.

use std::sync::Arc;

use application::ports::{
    Committed, Guard, Ids as _, ListFilter, ListQuery, OrderReader as _, OrderStore,
    OrderWriter as _, Write,
};
use application::system::SystemIds;
use domain::{Cause, HistoryStatus, Order, OrderId, PlaceOrder, ReceiptLocation, Status};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};
use tokio::time::Instant;

use crate::opened::Opened;

/// More orders than a millisecond has rowids (16,384). With `ORDERMILL_LONG=1` as many as the export of a large shop.
fn orders() -> usize {
    if std::env::var_os("ORDERMILL_LONG").is_some_and(|value| value == "1") {
        500_000
    } else {
        20_000
    }
}

fn history(command: PlaceOrder) -> Write {
    let created_at = sample::time("2010-12-01T00:00:00Z");
    let id = SystemIds.order_id(created_at, &command.user_id);
    let decision = Order::place_history(
        command,
        id,
        created_at,
        Cause::default(),
        ReceiptLocation::Rendered,
        HistoryStatus::Processed,
    );
    Write {
        decision: decision.expect("the rules allow history"),
        guard: Guard::New {
            key: None,
            fingerprint: None,
        },
    }
}

/// All ids that the store lists, page by page.
async fn listed(store: &dyn OrderStore) -> Vec<OrderId> {
    let mut query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 1_000,
        scan_limit: 10_000,
    };
    let mut ids = Vec::new();
    loop {
        let page = store.list(&query).await.expect("a healthy store lists");
        ids.extend(page.orders.iter().map(|order| order.id));
        query.before = page.next_before;
        if query.before.is_none() {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_one_date_is_written_found_and_listed_in_order() {
    let count = orders();
    let opened = Opened::fresh();
    let mut ids = Vec::with_capacity(count);
    let began = Instant::now();
    for first in (0..count).step_by(500) {
        let users = (first..count.min(first + 500)).map(|number| format!("user-{}", number % 900));
        let writes: Vec<_> = users.map(|user| history(sample::plain(&user, 1))).collect();
        ids.extend(writes.iter().map(|write| write.decision.order.id));
        for answer in opened.store.commit(writes, deadline()).await {
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
        }
    }
    let rows_a_second = count as f64 / began.elapsed().as_secs_f64();
    eprintln!("{count} orders of one date: {rows_a_second:.0} rows/s");

    let counts = opened.store.counts().await.expect("a healthy store counts");
    assert_eq!(counts.get(Status::Processed), count as u64);
    // An existing id is refused, wherever its row is.
    for id in [ids[0], ids[count - 1]] {
        let mut again = history(sample::plain("user-0", 1));
        let mut order = (*again.decision.order).clone();
        order.id = id;
        again.decision.order = order.into();
        let answers = opened.store.commit(vec![again], deadline()).await;
        assert!(answers[0].is_err(), "{answers:?}");
    }
    for id in ids.iter().step_by(37) {
        let found = opened.store.get(*id).await.expect("a healthy store reads");
        assert_eq!(found.map(|order| order.id), Some(*id));
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    assert!(
        listed(&*opened.store).await == ids,
        "all orders are listed, newest first"
    );
}

/// The millisecond is full, so most of the last orders are in the overflow area.
#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_full_millisecond_are_changed_erased_and_found_after_a_restart() {
    let opened = Opened::fresh();
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let new = |number: usize| {
        let name = format!("N-{number}");
        subject.new_write(&sample::numbered("alice", 1, &name), None)
    };
    let mut last = Vec::new();
    for first in (0..20_000).step_by(500) {
        let writes: Vec<_> = (first..first + 500).map(new).collect();
        last = writes.iter().map(|write| write.decision.order.id).collect();
        for answer in store.commit(writes, deadline()).await {
            answer.expect("a new order is written");
        }
    }
    // Almost all of the last orders are in the overflow area.
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(claimed.len(), 20_000);
    let of_last = claimed.iter().filter(|order| last.contains(&order.id));
    let of_last: Vec<_> = of_last.collect();
    for order in &of_last[..20] {
        let processed = subject.complete(order).await;
        assert_eq!(subject.get(order.id).await, processed);
    }
    let erased = subject.get(of_last[0].id).await;
    subject.erase(&erased).await;
    let kept = subject.get(of_last[1].id).await;
    drop(store);
    let subject = subject.reopen().await;
    assert_eq!(subject.find_by_id(erased.id).await, None);
    assert_eq!(subject.get(kept.id).await, kept);
    let counts = subject.counts().await;
    assert_eq!((counts.accepted(), counts.erased), (19_999, 1));
    let listed = subject.list(ListFilter::default()).await;
    assert_eq!(listed.len(), 19_999);
    assert!(listed.is_sorted_by(|newer, older| newer.id > older.id));
    let external_id = kept.external_id.as_ref().expect("it has an external id");
    let found = subject.store.find(&kept.user_id, external_id).await;
    assert_eq!(found, Ok(Some(Arc::clone(&kept))));
}
