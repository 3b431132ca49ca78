//! HoldOrder and ReleaseOrder: what they change, and what they refuse.

use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::bad_orders::pairs;
use crate::server::{Server, amount, faults, placed, reason};

fn hold(order_id: &str, expected_version: Option<u32>) -> pb::HoldOrderRequest {
    pb::HoldOrderRequest {
        order_id: order_id.to_owned(),
        expected_version,
        reason: Some("address unclear".to_owned()),
    }
}

fn release(order_id: &str, expected_version: Option<u32>) -> pb::ReleaseOrderRequest {
    pb::ReleaseOrderRequest {
        order_id: order_id.to_owned(),
        expected_version,
        reason: None,
    }
}

#[tokio::test]
async fn an_order_is_held_and_released_at_the_expected_version_alone() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let stale = client.hold_order(hold(&id, Some(2))).await.unwrap_err();
    assert_eq!(
        (stale.code(), &*reason(&stale)),
        (Code::Aborted, "VERSION_MISMATCH")
    );
    let held = client.hold_order(hold(&id, Some(1))).await.unwrap();
    let held = held.into_inner().order.unwrap();
    assert_eq!((held.status(), held.version), (pb::Status::OnHold, 2));
    assert_eq!(server.work_off().await, 0, "it is not processed");
    let again = client.hold_order(hold(&id, None)).await.unwrap_err();
    assert_eq!(
        (again.code(), &*reason(&again)),
        (Code::FailedPrecondition, "ILLEGAL_TRANSITION")
    );
    let released = client.release_order(release(&id, Some(2))).await.unwrap();
    let released = released.into_inner().order.unwrap();
    assert_eq!(
        (released.status(), released.version),
        (pb::Status::Pending, 3)
    );
    let again = client.release_order(release(&id, None)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert_eq!(server.work_off().await, 1);
}

#[tokio::test]
async fn a_command_to_an_unknown_order_is_not_found_and_a_bad_one_names_every_fault() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let unknown = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for refused in [
        client.hold_order(hold(unknown, None)).await.unwrap_err(),
        client
            .release_order(release(unknown, None))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::NotFound, "ORDER_NOT_FOUND")
        );
    }
    let bad = pairs(&[
        ("order_id", "INVALID"),
        ("expected_version", "OUT_OF_RANGE"),
    ]);
    let refused = client.hold_order(hold("7", Some(0))).await.unwrap_err();
    assert_eq!(faults(&refused), bad);
    let refused = client.release_order(release("7", Some(0))).await;
    assert_eq!(faults(&refused.unwrap_err()), bad);
}
