//! An order is read as it was written, and what is no order of a server is refused with its pointer.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Adjustment, AdjustmentKind, Currency, ExternalId, Failure, Label, Line, Metadata, Money, Order,
    OrderId, ProductName, Quantity, ReceiptForm, Sku, Source, Status, Timestamp, UserId, Version,
};

use super::{AdjustmentView, FailureView, LineView, OrderView, WaitingForView};
use crate::write_order;

/// An order with every field.
const ORDER: &str = r#"{"id":"i","external_id":"A-1","user_id":"alice","source":"api","status":"FAILED","version":3,
    "currency":"USD","amount":90071992547409.910,
    "lines":[{"sku":null,"product_name":"Tea","quantity":0.485,"unit_price":null,"total":10.00}],
    "adjustments":[{"kind":"tax","label":null,"amount":-0.00,"included":true}],"metadata":{"note":"\u00e9"},
    "process_after":null,"attempt":2,"failure":{"code":"c","message":"m"},"result":{"a" : [1.50]},"receipt_key":"k",
    "waiting_for":{"what":"operator","until":null},"created_at":"2026-01-31","updated_at":"2026-02-01"}"#;

fn written() -> Order {
    let created_at = Timestamp::parse("2026-01-31T12:00:00.000Z").unwrap();
    let user_id = UserId::new("alice \"the\" \\ é 😀").unwrap();
    let pairs = BTreeMap::from([("note".to_owned(), "a\tb".to_owned())]);
    Order {
        id: OrderId::new(created_at, &user_id, 7),
        external_id: Some(ExternalId::new("A-1").unwrap()),
        user_id,
        source: Source::Api,
        amount: Money::new(9_007_199_254_740_991, Currency::USD).unwrap(),
        lines: Arc::from([Line {
            sku: Some(Sku::new("KB-1").unwrap()),
            product_name: ProductName::new("Keyboard").unwrap(),
            quantity: Quantity::parse("0.485").unwrap(),
            unit_price_minor: Some(14_990),
            total_minor: 7_270,
        }]),
        adjustments: Arc::from([Adjustment {
            kind: AdjustmentKind::Discount,
            label: Some(Label::new("SPRING").unwrap()),
            amount_minor: -2_000,
            included: false,
        }]),
        metadata: Arc::new(Metadata::new(pairs).unwrap()),
        process_after: None,
        created_at,
        receipt: ReceiptForm::default(),
        status: Status::Failed,
        version: Version::from_number(3).unwrap(),
        attempt: 2,
        operator_commands: 0,
        failure: Some(Failure::new("handler_refused", "the card was \"declined\"")),
        retry_at: None,
        busy_since: None,
        work_done: false,
        result: Some(Arc::from("{\"n\":1.50}")),
        receipt_key: Some(Arc::from("receipts/k.txt")),
        updated_at: created_at,
    }
}

#[test]
fn an_order_is_read_as_it_was_written() {
    let order = written();
    let mut text = Vec::new();
    write_order(&order, &mut text);
    let read = OrderView::read(&text).unwrap();
    let time = "2026-01-31T12:00:00.000Z";
    let expected = OrderView {
        id: order.id.to_string(),
        external_id: Some("A-1".to_owned()),
        user_id: "alice \"the\" \\ é 😀".to_owned(),
        source: "api".to_owned(),
        status: "FAILED".to_owned(),
        version: 3,
        currency: "USD".to_owned(),
        amount: "90071992547409.91",
        lines: vec![LineView {
            sku: Some("KB-1".to_owned()),
            product_name: "Keyboard".to_owned(),
            quantity: "0.485",
            unit_price: Some("149.90"),
            total: "72.70",
        }],
        adjustments: vec![AdjustmentView {
            kind: "discount".to_owned(),
            label: Some("SPRING".to_owned()),
            amount: "-20.00",
            included: false,
        }],
        metadata: BTreeMap::from([("note".to_owned(), "a\tb".to_owned())]),
        process_after: None,
        attempt: 2,
        failure: Some(FailureView {
            code: "handler_refused".to_owned(),
            message: "the card was \"declined\"".to_owned(),
        }),
        result: Some("{\"n\":1.50}"),
        receipt_key: Some("receipts/k.txt".to_owned()),
        waiting_for: Some(WaitingForView {
            what: "operator".to_owned(),
            until: None,
        }),
        created_at: time.to_owned(),
        updated_at: time.to_owned(),
    };
    assert_eq!(read, expected);
}

#[test]
fn every_digit_is_kept_and_a_result_stays_as_it_is_written() {
    let order = OrderView::read(ORDER.as_bytes()).unwrap();
    assert_eq!(order.amount, "90071992547409.910");
    let line = &order.lines[0];
    assert_eq!(
        (line.quantity, line.unit_price, line.total),
        ("0.485", None, "10.00")
    );
    assert_eq!(order.adjustments[0].amount, "-0.00");
    assert_eq!(order.result, Some("{\"a\" : [1.50]}"));
    assert_eq!(order.metadata["note"], "é");
}

#[test]
fn members_that_this_build_does_not_know_are_passed_over() {
    let newer = ORDER
        .replacen('{', r#"{"priority":{"level":[1,{}]},"#, 1)
        .replace(r#""sku":null"#, r#""sku":null,"weight":1.5"#)
        .replace(r#""label":null"#, r#""label":null,"rate":"0.2""#)
        .replace(r#""until":null"#, r#""until":null,"since":0"#);
    assert_ne!(newer, ORDER);
    assert_eq!(
        OrderView::read(newer.as_bytes()).unwrap(),
        OrderView::read(ORDER.as_bytes()).unwrap()
    );
}

#[test]
fn what_is_no_order_of_a_server_is_refused_with_its_pointer() {
    for (from, to, expected) in [
        (r#""id":"i","#, "", "/id is missing"),
        (r#""id":"i""#, r#""id":null"#, "/id is missing"),
        (r#""id":"i""#, r#""id":1"#, "/id must be a string"),
        (
            r#""version":3"#,
            r#""version":3.5"#,
            "/version must be a whole number",
        ),
        (
            r#""version":3"#,
            r#""version":-3"#,
            "/version must be a whole number",
        ),
        (
            r#""attempt":2"#,
            r#""attempt":4294967296"#,
            "/attempt must be a whole number",
        ),
        ("90071992547409.910", "\"1\"", "/amount must be a number"),
        (
            "\"lines\":[",
            "\"lines\":[1,",
            "/lines/0 is not valid: The value is not an object",
        ),
        (
            "\"quantity\":0.485",
            "\"quantity\":true",
            "/lines/0/quantity must be a number",
        ),
        (
            "\"included\":true",
            "\"included\":1",
            "/adjustments/0/included must be a boolean",
        ),
        (
            r#"{"note":"\u00e9"}"#,
            "[]",
            "/metadata is not valid: The value is not an object",
        ),
        (
            r#""note":"\u00e9""#,
            r#""note":1"#,
            "/metadata/note must be a string",
        ),
        (r#""code":"c","#, "", "/failure/code is missing"),
        (r#""what":"operator","#, "", "/waiting_for/what is missing"),
        (
            r#""attempt":2"#,
            r#""attempt":2,"attempt":2"#,
            "is not valid: The key \"attempt\" comes twice",
        ),
        (
            r#""kind":"tax""#,
            r#""kind":"tax","kind":"fee""#,
            "/adjustments/0 is not valid: The key \"kind\"",
        ),
        ("\"updated_at\":\"2026-02-01\"}", "", "is not valid: "),
        (
            "\"2026-02-01\"}",
            "\"2026-02-01\"} {}",
            "is not valid: Something follows",
        ),
    ] {
        let text = ORDER.replacen(from, to, 1);
        assert_ne!(text, ORDER, "{from}");
        let refused = OrderView::read(text.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{to}: {refused}");
    }
}
