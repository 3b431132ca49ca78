//! Receipts: rendered, stored, not there yet, and out of reach.

use application::ports::ReceiptError;
use application::{FoundReceipt, ReadReceiptError};
use domain::{OrderId, Receipt, Status};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::order_store::sample;

/// A receipt that is not stored is rendered; before the order is processed there is none, and the status says why.
pub async fn a_rendered_receipt_is_read_once_the_order_is_processed(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::full("alice", "A-1")).await;
    let by = caller();
    let status = Status::Pending;
    let read = subject.orders.receipt(&by, order.id).await;
    assert_eq!(read, Ok(FoundReceipt::NotYet { status }));
    let processed = subject.process(&order).await;
    let read = subject.orders.receipt(&by, order.id).await;
    assert_eq!(read, Ok(FoundReceipt::Text(Receipt::of(&processed).text)));
    let unknown = OrderId::new(subject.now(), &order.user_id, 1 << 2);
    let read = subject.orders.receipt(&by, unknown).await;
    assert_eq!(read, Ok(FoundReceipt::UnknownOrder));
}

/// The bytes of a stored receipt are read as they are.
pub async fn a_stored_receipt_is_read_from_its_store(carrier: &dyn Carrier) {
    let subject = Subject::with_receipt_store(carrier).await;
    let order = subject.place(sample::full("alice", "A-1")).await;
    let processed = subject.process(&order).await;
    let text = "kept\r\n\tas it is: \u{202e}😀\n".to_owned();
    subject.receipts.keep(&Receipt {
        text: text.clone(),
        ..Receipt::of(&processed)
    });
    let read = subject.orders.receipt(&caller(), order.id).await;
    assert_eq!(read, Ok(FoundReceipt::Text(text)));
}

/// A failure of the receipt store differs from one of the order store, and keeps its whole reason.
pub async fn a_receipt_store_that_fails_is_named(carrier: &dyn Carrier) {
    let subject = Subject::with_receipt_store(carrier).await;
    let order = subject.place(sample::full("alice", "A-1")).await;
    subject.process(&order).await;
    for error in [
        ReceiptError::Unavailable("bucket `receipts` does not answer".to_owned()),
        ReceiptError::Conflict {
            key: "receipts/alice/1.txt".to_owned(),
        },
        ReceiptError::Refused {
            key: "receipts/alice/2.txt".to_owned(),
            reason: "the name is too long".to_owned(),
        },
    ] {
        subject.receipts.fail_with(error.clone());
        let read = subject.orders.receipt(&caller(), order.id).await;
        assert_eq!(read, Err(ReadReceiptError::Receipt(error)));
    }
}
