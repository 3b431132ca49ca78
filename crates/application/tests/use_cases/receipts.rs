//! Reading receipts: the form that an order was created with decides, whatever the setting has become since.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use application::ports::ReceiptStore;
use application::{FoundReceipt, Orders, Placed, ReadReceiptError, Receipts};
use domain::{Order, PlaceOrder, Receipt, ReceiptLocation, ReceiptTemplate};
use port_conformance::order_store::sample;

use crate::opened::{Opened, caller};

async fn place(orders: &Arc<dyn Orders>, command: PlaceOrder) -> Arc<Order> {
    match orders.place(&caller(), command, None).await {
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
            let order = place(&opened.orders, command).await;
            assert_eq!(order.receipt.location, location);
            assert_eq!(order.receipt.template, template);
        }
    }
}

#[tokio::test]
async fn a_rendered_receipt_is_read_from_no_store_after_the_setting_changed() {
    let opened = Opened::rendered().await;
    let order = place(&opened.orders, sample::full("alice", "A-1")).await;
    let processed = opened.process(&order).await;
    let text = Receipt::of(&processed).text;
    let changed = opened.with_receipts(outside(&opened));
    opened.shelf.is_away.store(true, Ordering::SeqCst);
    for orders in [&opened.orders, &changed] {
        let receipt = orders.receipt(&caller(), order.id).await.unwrap();
        assert_eq!(receipt, FoundReceipt::Text(text.clone()));
    }
    assert_eq!(opened.shelf.gets.load(Ordering::SeqCst), 0);
    assert_eq!(opened.shelf.puts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_stored_receipt_is_read_from_its_store_and_rendered_without_it() {
    let opened = Opened::stored().await;
    let order = place(&opened.orders, sample::full("alice", "A-1")).await;
    let processed = opened.process(&order).await;
    let text = Receipt::of(&processed).text;
    let receipt = opened.orders.receipt(&caller(), order.id).await.unwrap();
    assert_eq!(receipt, FoundReceipt::Text(text.clone()));
    assert_eq!(
        opened.shelf.gets.load(Ordering::SeqCst),
        1,
        "from the store"
    );

    // The operator gave the receipt store up: the bytes are the same.
    let changed = opened.with_receipts(Receipts::Rendered);
    let receipt = changed.receipt(&caller(), order.id).await.unwrap();
    assert_eq!(receipt, FoundReceipt::Text(text.clone()));
    assert_eq!(opened.shelf.gets.load(Ordering::SeqCst), 1);

    // The object is gone: the bytes are the same.
    opened.shelf.kept.lock().unwrap().clear();
    let receipt = opened.orders.receipt(&caller(), order.id).await.unwrap();
    assert_eq!(receipt, FoundReceipt::Text(text.clone()));

    opened.shelf.is_away.store(true, Ordering::SeqCst);
    let failed = opened.orders.receipt(&caller(), order.id).await;
    assert!(
        matches!(failed, Err(ReadReceiptError::Receipt(_))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_order_that_is_not_processed_has_no_receipt() {
    let opened = Opened::stored().await;
    let order = place(&opened.orders, sample::full("alice", "A-1")).await;
    let receipt = opened.orders.receipt(&caller(), order.id).await.unwrap();
    let status = order.status;
    assert_eq!(receipt, FoundReceipt::NotYet { status });
    let unknown = domain::OrderId::new(order.created_at, &sample::user("zoe"), 7);
    let receipt = opened.orders.receipt(&caller(), unknown).await.unwrap();
    assert_eq!(receipt, FoundReceipt::UnknownOrder);
}
