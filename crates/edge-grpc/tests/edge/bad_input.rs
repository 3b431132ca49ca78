//! What bad input gets besides bad orders, and what failures of the server get: the code, the reason, and every fault at
//! once.

use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::bad_orders::pairs;
use crate::server::{Server, amount, faults, placed, reason};
use port_conformance::faulty::FaultMode;

#[tokio::test]
async fn bad_ids_are_invalid_and_unknown_ones_are_not_found() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (id, field_reason) in [
        ("", "REQUIRED"),
        ("7", "INVALID"),
        ("x".repeat(36).as_str(), "INVALID"),
    ] {
        let request = pb::GetOrderRequest {
            order_id: id.to_owned(),
        };
        let refused = client.get_order(request).await.unwrap_err();
        assert_eq!(faults(&refused), pairs(&[("order_id", field_reason)]));
    }
    for id in [
        "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11",
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ] {
        let request = pb::GetOrderRequest {
            order_id: id.to_owned(),
        };
        let refused = client.get_order(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::NotFound, "ORDER_NOT_FOUND".to_owned())
        );
        let request = pb::UpdateStatusRequest {
            order_id: id.to_owned(),
            status: pb::Status::Cancelled as i32,
            expected_version: None,
            reason: None,
        };
        assert_eq!(
            client.update_status(request).await.unwrap_err().code(),
            Code::NotFound
        );
        let request = pb::WatchOrderRequest {
            order_id: id.to_owned(),
            start: None,
        };
        assert_eq!(
            client.watch_order(request).await.unwrap_err().code(),
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn commands_and_lists_refuse_with_every_fault() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let request = pb::UpdateStatusRequest {
        order_id: "7".to_owned(),
        status: 0,
        expected_version: Some(0),
        reason: None,
    };
    let refused = client.update_status(request).await.unwrap_err();
    assert_eq!(
        faults(&refused),
        pairs(&[
            ("order_id", "INVALID"),
            ("status", "REQUIRED"),
            ("expected_version", "OUT_OF_RANGE"),
        ])
    );
    let request = pb::ListOrdersRequest {
        user_id: Some(String::new()),
        external_id: Some("x\ny".to_owned()),
        status: 99,
        source: -1,
        created_from: Some(prost_types::Timestamp {
            seconds: -1,
            nanos: 0,
        }),
        created_to: Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 2_000_000_000,
        }),
        text_prefix: Some(String::new()),
        limit: Some(0),
        cursor: "made-up".to_owned(),
    };
    let refused = client.list_orders(request).await.unwrap_err();
    assert_eq!(
        faults(&refused),
        pairs(&[
            ("user_id", "BLANK"),
            ("external_id", "CONTROL_CHARACTER"),
            ("status", "UNKNOWN_VALUE"),
            ("source", "UNKNOWN_VALUE"),
            ("text_prefix", "INVALID"),
            ("created_from", "INVALID"),
            ("created_to", "INVALID"),
            ("limit", "OUT_OF_RANGE"),
            ("cursor", "INVALID"),
        ])
    );
}

#[tokio::test]
async fn a_period_that_ends_before_it_begins_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let period = |from: Option<i64>, to: Option<i64>| {
        let time = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        pb::ListOrdersRequest {
            created_from: from.map(time),
            created_to: to.map(time),
            ..pb::ListOrdersRequest::default()
        }
    };
    let refused = client.list_orders(period(Some(2), Some(1))).await;
    assert_eq!(
        faults(&refused.unwrap_err()),
        pairs(&[("created_from", "OUT_OF_RANGE")])
    );
    for (from, to) in [(Some(2), None), (None, Some(1)), (Some(1), Some(1))] {
        assert!(client.list_orders(period(from, to)).await.is_ok());
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for _ in 0..3 {
        placed(&mut client, amount("u", 1)).await;
    }
    let of = |user: &str, cursor: &str| pb::ListOrdersRequest {
        user_id: Some(user.to_owned()),
        limit: Some(1),
        cursor: cursor.to_owned(),
        ..pb::ListOrdersRequest::default()
    };
    let page = client.list_orders(of("u", "")).await.unwrap().into_inner();
    assert!(client.list_orders(of("u", &page.next_cursor)).await.is_ok());
    let refused = client.list_orders(of("v", &page.next_cursor)).await;
    assert_eq!(
        faults(&refused.unwrap_err()),
        pairs(&[("cursor", "INVALID")])
    );
}

#[tokio::test]
async fn a_panic_is_internal_and_the_server_goes_on() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let request = pb::GetOrderRequest { order_id: id };
    server.store_becomes(FaultMode::Panicking);
    let refused = client.get_order(request.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Internal, "INTERNAL".to_owned())
    );
    assert!(
        !refused.message().contains("panic"),
        "{}",
        refused.message()
    );
    // A stream's panic comes in its trailers.
    let answers = client.intake_orders(futures_util::stream::iter([amount("u", 1)]));
    let mut answers = answers.await.unwrap().into_inner();
    let refused = answers.message().await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Internal, "INTERNAL".to_owned())
    );
    server.store_becomes(FaultMode::Well);
    assert!(client.get_order(request).await.is_ok());
}

#[tokio::test]
async fn failures_of_the_store_say_what_was_done_and_whether_to_try_again() {
    use application::ports::StoreError;
    use tonic_types::StatusExt as _;
    let shard = domain::ShardId(0);
    let secret = || "password=hunter2".to_owned();
    let cases = [
        (
            StoreError::Overloaded { limit: 1 },
            Code::Unavailable,
            "OVERLOADED",
            true,
        ),
        (
            StoreError::Unavailable {
                shard,
                reason: secret(),
            },
            Code::Unavailable,
            "STORE_UNAVAILABLE",
            true,
        ),
        (
            StoreError::Full {
                shard,
                reason: secret(),
            },
            Code::ResourceExhausted,
            "STORE_FULL",
            true,
        ),
        (
            StoreError::Unknown {
                shard,
                reason: secret(),
            },
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            false,
        ),
        (
            StoreError::Expired,
            Code::DeadlineExceeded,
            "DEADLINE_PASSED",
            true,
        ),
        (
            StoreError::Corrupt {
                shard,
                reason: secret(),
            },
            Code::Internal,
            "INTERNAL",
            false,
        ),
    ];
    let server = Server::start().await;
    let mut client = server.client().await;
    for (error, code, expected, retry) in cases {
        server.store_becomes(FaultMode::Failing(error));
        let refused = client.create_order(amount("u", 1)).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (code, expected));
        let details = refused.get_error_details();
        assert_eq!(details.retry_info().is_some(), retry, "{expected}");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
}
