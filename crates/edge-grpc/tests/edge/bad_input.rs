//! What bad input gets: the code, the reason, and every fault at once.

use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::server::{Server, amount, faults, line, placed, reason, usd};
use port_conformance::faulty::FaultMode;

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned()))
        .collect()
}

fn eur(minor_units: i64) -> pb::Money {
    pb::Money {
        minor_units,
        currency: "EUR".to_owned(),
    }
}

#[tokio::test]
async fn all_faults_of_an_order_come_at_once_with_their_fields() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let order = pb::CreateOrderRequest {
        user_id: "a\0b".to_owned(),
        external_id: Some(String::new()),
        source: 77,
        amount: Some(usd(-1)),
        lines: vec![
            pb::Line {
                quantity: "0".to_owned(),
                ..pb::Line::default()
            },
            pb::Line {
                sku: Some(" ".to_owned()),
                ..line("Mug", "1", eur(1))
            },
        ],
        adjustments: vec![pb::Adjustment {
            kind: 99,
            label: Some("\u{7f}".to_owned()),
            amount: Some(eur(1)),
            included: false,
        }],
        process_after: Some(prost_types::Timestamp {
            seconds: -1,
            nanos: 0,
        }),
        history: Some(pb::History::default()),
        metadata: [("a\u{1}".to_owned(), "x".to_owned())].into(),
        idempotency_key: Some("a b".to_owned()),
    };
    let refused = client.create_order(order).await.unwrap_err();
    let mut found = faults(&refused);
    found.sort();
    assert_eq!(
        found,
        pairs(&[
            ("adjustments[0].amount.currency", "ANOTHER_CURRENCY"),
            ("adjustments[0].kind", "UNKNOWN_VALUE"),
            ("adjustments[0].label", "CONTROL_CHARACTER"),
            ("amount", "OUT_OF_RANGE"),
            ("external_id", "BLANK"),
            ("history", "NOT_ALLOWED"),
            ("idempotency_key", "NOT_VISIBLE_ASCII"),
            ("lines[0]", "REQUIRED"),
            ("lines[0].product_name", "REQUIRED"),
            ("lines[0].quantity", "OUT_OF_RANGE"),
            ("lines[1].sku", "BLANK"),
            ("lines[1].unit_price.currency", "ANOTHER_CURRENCY"),
            ("metadata[\"a\\u{1}\"]", "CONTROL_CHARACTER"),
            ("process_after", "INVALID"),
            ("source", "UNKNOWN_VALUE"),
            ("user_id", "CONTROL_CHARACTER"),
        ])
    );
    assert_eq!(reason(&refused), "VALIDATION_FAILED");
    assert!(
        refused.message().contains("and 13 more"),
        "{}",
        refused.message()
    );
    assert_eq!(server.accepted().await, 0);
}

#[tokio::test]
async fn single_faults_name_their_field() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mugs = |quantity: &str, price| line("Mug", quantity, price);
    let lines = |lines| pb::CreateOrderRequest {
        amount: None,
        lines,
        ..amount("u", 0)
    };
    let money = |minor_units, currency: &str| pb::Money {
        minor_units,
        currency: currency.to_owned(),
    };
    let priced = |money| pb::CreateOrderRequest {
        amount: Some(money),
        ..amount("u", 0)
    };
    let cases = [
        (
            pb::CreateOrderRequest {
                amount: None,
                ..amount("u", 1)
            },
            "",
            "REQUIRED",
        ),
        (amount("", 1), "user_id", "REQUIRED"),
        (amount(&"x".repeat(101), 1), "user_id", "TOO_LONG"),
        (priced(money(1, "usd")), "amount.currency", "UNKNOWN_VALUE"),
        (priced(money(1, "XXX")), "amount.currency", "UNKNOWN_VALUE"),
        (priced(money(i64::MAX, "USD")), "amount", "OUT_OF_RANGE"),
        (priced(money(1 << 53, "JPY")), "amount", "OUT_OF_RANGE"),
        (
            lines(vec![mugs("1000001", usd(1))]),
            "lines[0].quantity",
            "OUT_OF_RANGE",
        ),
        (lines(vec![mugs("1", usd(1)); 1001]), "lines", "TOO_MANY"),
        (
            lines(vec![mugs("1000000", usd(9_007_199_254_740_991))]),
            "lines[0]",
            "OUT_OF_RANGE",
        ),
        (
            lines(vec![mugs("0.0005", usd(1))]),
            "lines[0].quantity",
            "TOO_PRECISE",
        ),
        (
            lines(vec![pb::Line {
                total: Some(usd(11)),
                ..mugs("2", usd(4))
            }]),
            "lines[0].total",
            "NOT_THE_PRODUCT",
        ),
        (
            pb::CreateOrderRequest {
                adjustments: vec![pb::Adjustment {
                    kind: pb::AdjustmentKind::Discount as i32,
                    amount: Some(usd(1)),
                    ..pb::Adjustment::default()
                }],
                ..amount("u", 1)
            },
            "adjustments[0].amount",
            "OUT_OF_RANGE",
        ),
        (
            pb::CreateOrderRequest {
                adjustments: vec![pb::Adjustment::default(); 51],
                ..amount("u", 1)
            },
            "adjustments",
            "TOO_MANY",
        ),
        (
            lines(vec![mugs("1", money(1, "ABC"))]),
            "lines[0].unit_price.currency",
            "UNKNOWN_VALUE",
        ),
        (
            pb::CreateOrderRequest {
                lines: vec![mugs("2", usd(5))],
                ..amount("u", 11)
            },
            "amount",
            "NOT_THE_SUM",
        ),
        (
            pb::CreateOrderRequest {
                idempotency_key: Some(String::new()),
                ..amount("u", 11)
            },
            "idempotency_key",
            "BLANK",
        ),
    ];
    for (order, field, code) in cases {
        let shown = format!("{field} {code}");
        let refused = client.create_order(order).await.expect_err(&shown);
        assert_eq!(faults(&refused), pairs(&[(field, code)]), "{shown}");
    }
    assert_eq!(server.accepted().await, 0);
}

#[tokio::test]
async fn a_currency_in_lower_case_is_refused_and_the_right_code_is_suggested() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut order = amount("u", 1);
    order.amount = Some(pb::Money {
        minor_units: 1,
        currency: "eur".to_owned(),
    });
    let refused = client.create_order(order).await.unwrap_err();
    assert_eq!(
        faults(&refused),
        pairs(&[("amount.currency", "UNKNOWN_VALUE")])
    );
    assert!(refused.message().contains("EUR"), "{refused:?}");
}

#[tokio::test]
async fn texts_that_look_dangerous_are_kept_as_they_are() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let hostile = "Robert'); DROP TABLE orders;-- <script> 😀 \u{202e}";
    let order = pb::CreateOrderRequest {
        metadata: [("note".to_owned(), "\t\r\n'\"".to_owned())].into(),
        ..amount(hostile, 1)
    };
    let order = placed(&mut client, order).await;
    assert_eq!(order.user_id, hostile);
    assert_eq!(order.metadata["note"], "\t\r\n'\"");
}

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
async fn steering_and_lists_refuse_with_every_fault() {
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
