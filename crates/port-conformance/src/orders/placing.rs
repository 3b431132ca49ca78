//! Placing one order: what is answered for a new one, for a known one, and for one that contradicts a known one.

use std::sync::Arc;
use std::time::Duration;

use application::ports::EventFeed as _;
use application::{PlaceError, Placed};
use domain::{
    Cause, IdempotencyKey, Metadata, Order, OrderCommand, PlaceOrder, ReceiptLocation, Version,
};

use super::Carrier;
use super::subject::{Subject, caller, waiting_for};
use crate::faulty::FaultMode;
use crate::order_store::sample;

fn key(text: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::new(text).expect("the suite's keys are valid"))
}

/// A new order is answered with every field, is stored so, and its creation is recorded with who asked for it.
pub async fn a_placed_order_comes_back_whole(carrier: &dyn Carrier) {
    for (subject, location) in [
        (Subject::fresh(carrier).await, ReceiptLocation::Rendered),
        (
            Subject::with_receipt_store(carrier).await,
            ReceiptLocation::Stored,
        ),
    ] {
        let command = PlaceOrder {
            process_after: Some(sample::time("2040-02-29T23:59:59.999Z")),
            ..sample::full("alice", "A-1")
        };
        let by = caller();
        let placed = subject.orders.place(&by, command.clone(), None).await;
        let Ok(Placed::Created(order)) = placed else {
            panic!("a new order is created: {placed:?}");
        };
        let expected = Order::place(command, order.id, subject.now(), Cause::default(), location);
        assert_eq!(order, expected.order, "every field is answered");
        assert_eq!(
            subject.stored(order.id).await,
            order,
            "every field is stored"
        );
        let events = subject.store.order_events(order.id, None, 10).await;
        let events = events.expect("it reads").expect("it is there");
        assert_eq!(events[0].event.cause, by.cause(None), "who asked for it");
    }
}

/// A key that comes again with an equal body answers the order as it was first answered, whatever became of it.
pub async fn a_key_replays_the_order_as_first_answered(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let by = caller();
    let place = || {
        let command = sample::full("alice", "A-1");
        subject.orders.place(&by, command, key("key-1"))
    };
    let Ok(Placed::Created(first)) = place().await else {
        panic!("a new order is created");
    };
    subject.apply(&first, OrderCommand::Hold).await;
    assert_eq!(place().await, Ok(Placed::Replayed(first)));
}

/// An external id that comes again with an equal body answers the order as it is now.
pub async fn an_external_id_answers_the_order_as_it_is_now(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let first = subject.place(sample::full("alice", "A-1")).await;
    let held = subject.apply(&first, OrderCommand::Hold).await;
    assert_eq!(held.version, Version::FIRST.next());
    let again = sample::full("alice", "A-1");
    let answer = subject.orders.place(&caller(), again, key("key-2")).await;
    assert_eq!(answer, Ok(Placed::Existing(held)));
}

/// A key stands for one body of one user.
pub async fn a_key_stands_for_one_body(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let place = |user, minor| {
        let command = sample::plain(user, minor);
        let (orders, caller) = (Arc::clone(&subject.orders), caller());
        async move { orders.place(&caller, command, key("key-1")).await }
    };
    assert!(matches!(place("alice", 1).await, Ok(Placed::Created(_))));
    assert_eq!(place("alice", 2).await, Err(PlaceError::KeyReused));
    assert!(matches!(place("bob", 2).await, Ok(Placed::Created(_))));
}

/// An external id of an order with another body is refused, with the fields that differ.
pub async fn a_taken_external_id_names_the_differing_fields(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    subject.place(sample::full("alice", "A-1")).await;
    let other = PlaceOrder {
        metadata: Arc::new(Metadata::default()),
        process_after: None,
        ..sample::full("alice", "A-1")
    };
    let answer = subject.orders.place(&caller(), other, None).await;
    let differing = vec!["/metadata".to_owned(), "/process_after".to_owned()];
    assert_eq!(answer, Err(PlaceError::ExternalIdTaken { differing }));
}

/// A caller whose deadline passes while an equal request with its key is under way hears that.
pub async fn a_key_that_is_under_way_is_said_to_be(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    subject.store.set_mode(FaultMode::Held);
    let patient = caller();
    let hasty = waiting_for(Duration::from_millis(200));
    let place = |by| {
        let command = sample::plain("alice", 1);
        subject.orders.place(by, command, key("key-1"))
    };
    let hasty_ends = async {
        let answer = place(&hasty).await;
        subject.store.set_mode(FaultMode::Well);
        answer
    };
    let (first, second) = tokio::join!(place(&patient), hasty_ends);
    assert_eq!(second, Err(PlaceError::KeyInFlight));
    assert!(matches!(first, Ok(Placed::Created(_))), "{first:?}");
}
