//! What bad orders get: every fault at once, with its field.

use proto::ordermill::v1 as pb;

use crate::server::{Server, amount, faults, line, placed, reason, usd};

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
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
