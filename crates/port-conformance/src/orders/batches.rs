//! Placing many orders: each row is answered on its own, imported history too.

use std::time::Duration;

use application::{BatchRow, PlaceError, Placed};
use domain::{
    Cause, History, HistoryStatus, IdempotencyKey, Order, PlaceOrder, ReceiptLocation, Status,
};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::order_store::sample;

fn row(command: PlaceOrder) -> BatchRow {
    BatchRow {
        command,
        key: None,
        history: None,
    }
}

fn with_key(command: PlaceOrder, key: &str) -> BatchRow {
    BatchRow {
        key: Some(IdempotencyKey::new(key).expect("the suite's keys are valid")),
        ..row(command)
    }
}

/// Every row has its own answer at its own place, and a refused row keeps no other from being placed.
pub async fn rows_are_answered_one_by_one(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let known = subject.place(sample::numbered("alice", 1, "A-1")).await;
    let rows = vec![
        row(sample::full("bob", "B-1")),
        row(sample::numbered("alice", 2, "A-1")),
        with_key(sample::plain("alice", 3), "key-1"),
        with_key(sample::plain("alice", 4), "key-1"),
        row(sample::numbered("alice", 1, "A-1")),
        row(sample::plain("carol", 5)),
    ];
    let answers = subject.orders.place_batch(&caller(), rows.clone()).await;
    assert_eq!(answers.len(), rows.len(), "one answer a row");
    for (index, row) in rows.iter().enumerate() {
        match (index, &answers[index]) {
            (0 | 2 | 5, Ok(Placed::Created(order))) => {
                let command = row.command.clone();
                let rendered = ReceiptLocation::Rendered;
                let now = subject.now();
                let expected = Order::place(command, order.id, now, Cause::default(), rendered);
                assert_eq!(*order, expected.order, "row {index}");
                assert_eq!(subject.stored(order.id).await, *order, "row {index}");
            }
            (1, Err(PlaceError::ExternalIdTaken { differing })) => {
                assert_eq!(*differing, ["/amount"]);
            }
            (3, Err(PlaceError::KeyReused)) => {}
            (4, Ok(Placed::Existing(order))) => assert_eq!(*order, known),
            (_, other) => panic!("row {index}: {other:?}"),
        }
    }
    let none = subject.orders.place_batch(&caller(), Vec::new()).await;
    assert_eq!(none, Vec::new());
}

/// Imported history keeps its time and its end, and is never processed.
pub async fn history_comes_back_as_it_ended(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let created_at = sample::time("2011-03-04T05:06:07.890Z");
    for (number, status, ends_as) in [
        ("H-1", HistoryStatus::Processed, Status::Processed),
        ("H-2", HistoryStatus::Cancelled, Status::Cancelled),
    ] {
        let row = BatchRow {
            history: Some(History { created_at, status }),
            ..row(sample::full("alice", number))
        };
        let answers = subject.orders.place_batch(&caller(), vec![row]).await;
        let [Ok(Placed::Created(order))] = &answers[..] else {
            panic!("history is placed: {answers:?}");
        };
        assert_eq!((order.created_at, order.status), (created_at, ends_as));
        assert_eq!(subject.stored(order.id).await, *order);
    }
}

/// History of the future is refused with its fault: the pointer, the code and a sentence.
pub async fn an_invalid_history_has_its_fault_with_the_pointer(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let now = subject.now();
    let history = History {
        created_at: now.saturating_add(Duration::from_secs(1)),
        status: HistoryStatus::Processed,
    };
    let invalid = BatchRow {
        history: Some(history),
        ..row(sample::plain("alice", 1))
    };
    let rows = vec![invalid, row(sample::plain("alice", 2))];
    let answers = subject.orders.place_batch(&caller(), rows).await;
    let [Err(PlaceError::Invalid(faults)), Ok(Placed::Created(_))] = &answers[..] else {
        panic!("the first row alone is refused: {answers:?}");
    };
    let [fault] = &faults[..] else {
        panic!("one fault: {faults:?}");
    };
    assert_eq!(fault.pointer, "/history/created_at");
    assert_eq!(fault.code, "out_of_range");
    let detail = format!("lies in the future; history ends at {now}");
    assert_eq!(fault.detail, detail);
}
