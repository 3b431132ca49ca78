//! Reading receipts: the form that an order was created with decides, whatever the setting has become since.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use application::ports::ReceiptStore;
use application::{Application, Placed, ReadReceiptError, Receipts};
use domain::{Order, PlaceOrder, Receipt, ReceiptLocation, ReceiptTemplate};
use port_conformance::order_store::sample;

use crate::opened::{Opened, caller};

async fn place(application: &Application, command: PlaceOrder) -> Arc<Order> {
    match application.place_order(&caller(), command, None).await {
        Ok(Placed::Created(order)) => order,
        other => panic!("{other:?}"),
    }
}

fn outside(opened: &Opened) -> Receipts {
    Receipts::Outside(Arc::clone(&opened.shelf) as Arc<dyn ReceiptStore>)
}

#[tokio::test]
async fn the_setting_at_its_creation_is_fixed_in_an_order() {
    let rendered = Opened::rendered().await;
    let stored = Opened::stored().await;
    for (opened, location) in [
        (rendered, ReceiptLocation::Rendered),
        (stored, ReceiptLocation::Stored),
    ] {
        for template in [ReceiptTemplate::Standard, ReceiptTemplate::Orderflow] {
            let command = PlaceOrder {
                receipt_template: template,
                ..sample::plain("alice", 5)
            };
            let order = place(&opened.application, command).await;
            assert_eq!(order.receipt.location, location);
            assert_eq!(order.receipt.template, template);
        }
    }
}

#[tokio::test]
async fn a_rendered_receipt_is_read_from_no_store_after_the_setting_changed() {
    let opened = Opened::rendered().await;
    let order = place(&opened.application, sample::full("alice", "A-1")).await;
    let processed = opened.process(&order).await;
    let text = Receipt::of(&processed).text;
    let changed = opened.with_receipts(outside(&opened));
    opened.shelf.is_away.store(true, Ordering::SeqCst);
    for application in [&opened.application, &changed] {
        let receipt = application.receipt(order.id).await.unwrap();
        assert_eq!(receipt.as_ref(), Some(&text));
    }
    assert_eq!(opened.shelf.gets.load(Ordering::SeqCst), 0);
    assert_eq!(opened.shelf.puts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_stored_receipt_is_read_from_its_store_and_rendered_without_it() {
    let opened = Opened::stored().await;
    let order = place(&opened.application, sample::full("alice", "A-1")).await;
    let processed = opened.process(&order).await;
    let text = Receipt::of(&processed).text;
    let receipt = opened.application.receipt(order.id).await.unwrap();
    assert_eq!(receipt.as_ref(), Some(&text));
    assert_eq!(
        opened.shelf.gets.load(Ordering::SeqCst),
        1,
        "from the store"
    );

    // The operator gave the receipt store up: the bytes are the same.
    let changed = opened.with_receipts(Receipts::Rendered);
    let receipt = changed.receipt(order.id).await.unwrap();
    assert_eq!(receipt.as_ref(), Some(&text));
    assert_eq!(opened.shelf.gets.load(Ordering::SeqCst), 1);

    // The object is gone: the bytes are the same.
    opened.shelf.kept.lock().unwrap().clear();
    let receipt = opened.application.receipt(order.id).await.unwrap();
    assert_eq!(receipt.as_ref(), Some(&text));

    opened.shelf.is_away.store(true, Ordering::SeqCst);
    let failed = opened.application.receipt(order.id).await;
    assert!(
        matches!(failed, Err(ReadReceiptError::Receipt(_))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_order_that_is_not_processed_has_no_receipt() {
    let opened = Opened::stored().await;
    let order = place(&opened.application, sample::full("alice", "A-1")).await;
    let receipt = opened.application.receipt(order.id).await.unwrap();
    assert_eq!(receipt, None);
    let unknown = domain::OrderId::new(order.created_at, &sample::user("zoe"), 7);
    assert_eq!(opened.application.receipt(unknown).await.unwrap(), None);
}
