//! GetReceipt: the receipt of a processed order, and why another one has none.

use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::bad_orders::pairs;
use crate::server::{Server, amount, faults, placed, reason};

fn of(order_id: &str) -> pb::GetReceiptRequest {
    pb::GetReceiptRequest {
        order_id: order_id.to_owned(),
    }
}

#[tokio::test]
async fn a_processed_order_has_a_receipt_that_stays_the_same() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("alice", 1_998)).await.id;
    server.work_off().await;
    let first = client.get_receipt(of(&id)).await.unwrap().into_inner();
    assert!(
        first.text.contains(&id) && first.text.contains("19.98"),
        "{}",
        first.text
    );
    let again = client.get_receipt(of(&id)).await.unwrap().into_inner();
    assert_eq!(again, first);
}

#[tokio::test]
async fn an_order_without_a_receipt_has_another_reason_than_an_unknown_order() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("alice", 1)).await.id;
    let refused = client.get_receipt(of(&id)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::NotFound, "NO_RECEIPT")
    );
    assert!(refused.message().contains("PENDING"), "{refused:?}");
    let unknown = of("0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11");
    let refused = client.get_receipt(unknown).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::NotFound, "ORDER_NOT_FOUND")
    );
    let refused = client.get_receipt(of("7")).await.unwrap_err();
    assert_eq!(faults(&refused), pairs(&[("order_id", "INVALID")]));
}
