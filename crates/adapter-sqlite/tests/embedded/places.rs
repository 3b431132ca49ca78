//! Many orders of one millisecond: some belong at the same place of the file, and each is found all the same.

use application::ports::{ListFilter, OrderStore as _};
use domain::Status;
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::Opened;

/// Of so many orders about fifteen are drawn to a place that another has (4,000² / 2 / 2^19); a run without any comes
/// once in three million.
const ORDERS: usize = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_belong_at_one_place_are_all_found_changed_and_listed_in_order() {
    let opened = Opened::fresh();
    let store = std::sync::Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let new: Vec<_> = (0..ORDERS)
        .map(|_| subject.new_write(&sample::plain("alice", 100), None))
        .collect();
    for answer in store.commit(new, deadline()).await {
        answer.expect("nothing stands against a new order");
    }
    let claimed = subject.claim_all(LONG).await;
    assert_eq!(claimed.len(), ORDERS);
    let outcomes = claimed.iter().map(|order| subject.completion(order));
    for answer in store.commit(outcomes.collect(), deadline()).await {
        answer.expect("nothing stands against an outcome");
    }
    for order in &claimed {
        let found = subject.get(order.id).await;
        assert_eq!((found.id, found.status), (order.id, Status::Processed));
        assert_eq!(subject.events(order.id).await.len(), 3, "{}", order.id);
        let receipt = store.receipt(order.id).await;
        let receipt = receipt.expect("the store reads").expect("it was written");
        assert!(receipt.contains(&order.id.to_string()), "{receipt}");
    }
    let listed = subject.list(ListFilter::default()).await;
    let mut ids: Vec<_> = claimed.iter().map(|order| order.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(listed.iter().map(|order| order.id).collect::<Vec<_>>(), ids);
}
