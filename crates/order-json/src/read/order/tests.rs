//! Orders as clients send them, good and bad, through the reader and the domain's check.

use domain::{CheckRules, Currency, Fault, PlaceOrder};

use super::{OrderForm, read_order};
use crate::Reader;

const SINGLE: OrderForm = OrderForm::Single {
    key_belongs: "belongs beside the body",
    history_belongs: "belongs to a row",
};

fn check(json: &str) -> Result<PlaceOrder, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut reader = Reader::new(json.as_bytes()).unwrap();
    let input = read_order(&mut reader, SINGLE, &mut faults).unwrap();
    let rules = CheckRules::new_orders(Currency::USD);
    PlaceOrder::check(input.draft, rules, &mut faults).ok_or(faults)
}

fn malformed(json: &str) -> String {
    let mut faults = Vec::new();
    let mut reader = Reader::new(json.as_bytes()).unwrap();
    read_order(&mut reader, SINGLE, &mut faults)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_good_order_is_read_with_every_field() {
    let order = check(
        r#"{"user_id":"al\u0069ce","external_id":"A-1","source":"web","currency":"KWD","amount":"0.009",
            "lines":[{"sku":null,"product_name":"Pin","quantity":2,"unit_price":0.005},
                     {"product_name":"Tea","quantity":"0.485","total":"0.001"}],
            "adjustments":[{"kind":"discount","label":"SPRING","amount":-0.002},
                           {"kind":"tax","amount":"0.001","included":true}],
            "metadata":{"note":"a\tb"},"process_after":"2030-01-01T01:00:00+01:00"}"#,
    )
    .unwrap();
    assert_eq!(order.user_id.as_str(), "alice");
    assert_eq!(order.amount.to_string(), "0.009");
    let [pin, tea] = &*order.lines else {
        panic!("{:?}", order.lines)
    };
    assert_eq!((pin.unit_price_minor, pin.total_minor), (Some(5), 10));
    assert_eq!((tea.quantity.thousandths(), tea.total_minor), (485, 1));
    let [discount, tax] = &*order.adjustments else {
        panic!("{:?}", order.adjustments)
    };
    assert_eq!((discount.amount_minor, discount.included), (-2, false));
    assert_eq!((tax.amount_minor, tax.included), (1, true));
    let time = order.process_after.unwrap();
    assert_eq!(time.to_string(), "2030-01-01T00:00:00.000Z");
    assert_eq!(order.metadata.pairs()["note"], "a\tb");
}

#[test]
fn faults_of_shape_and_of_sense_come_together() {
    let faults = check(
        r#"{"user_id":7,"usr_id":"x","id":"1","currency":"usd","metadata":{"a/b":1},
            "lines":[{"product_name":"","quantity":0.0005,"unit_price":[],"colour":"red"},4],
            "adjustments":[{"kind":"tax","amount":false,"included":"yes","lable":"x"},7]}"#,
    )
    .unwrap_err();
    let found: Vec<_> = faults
        .iter()
        .map(|fault| (fault.pointer.as_str(), &*fault.code))
        .collect();
    assert_eq!(
        found,
        [
            ("/user_id", "wrong_type"),
            ("/usr_id", "unknown_field"),
            ("/id", "read_only"),
            ("/metadata/a~1b", "wrong_type"),
            ("/lines/0/unit_price", "wrong_type"),
            ("/lines/0/colour", "unknown_field"),
            ("/lines/1", "wrong_type"),
            ("/adjustments/0/amount", "wrong_type"),
            ("/adjustments/0/included", "wrong_type"),
            ("/adjustments/0/lable", "unknown_field"),
            ("/adjustments/1", "wrong_type"),
            ("/currency", "unknown_value"),
            ("/lines/0/product_name", "blank"),
            ("/lines/0/quantity", "too_precise"),
        ]
    );
    assert!(
        faults[1]
            .detail
            .ends_with("the nearest known one is user_id")
    );
}

#[test]
fn a_key_that_comes_twice_is_malformed_wherever_it_is() {
    for json in [
        r#"{"user_id":"a","user_id":"a"}"#,
        r#"{"lines":[{"sku":"a","sku":"a"}]}"#,
        r#"{"metadata":{"a":"1","a":"1"}}"#,
        r#"{"adjustments":[{"included":true,"included":true}]}"#,
        r#"{"x":1,"x":1}"#,
        r#"{"x":{"y":1,"y":1}}"#,
        r#"{"user_id":"a","user_\u0069d":"a"}"#,
    ] {
        assert!(malformed(json).contains("comes twice"), "{json}");
    }
}

#[test]
fn floods_of_faults_are_bounded() {
    let strangers: Vec<_> = (0..5_000).map(|n| format!("\"x{n}\":1")).collect();
    let lines = vec!["1"; 5_000].join(",");
    let json = format!(
        r#"{{{},"lines":[{lines}],"adjustments":[{lines}]}}"#,
        strangers.join(",")
    );
    let faults = check(&json).unwrap_err();
    assert!(faults.len() < 1_010, "{}", faults.len());
}

#[test]
fn fields_that_belong_elsewhere_say_where() {
    let faults_of = |json: &str, row| {
        let mut faults = Vec::new();
        let mut reader = Reader::new(json.as_bytes()).unwrap();
        read_order(&mut reader, row, &mut faults).unwrap();
        faults
    };
    for (json, row, code, detail) in [
        (
            r#"{"waiting_for":null}"#,
            SINGLE,
            "read_only",
            "set by the server",
        ),
        (
            r#"{"retry_at":null}"#,
            OrderForm::Row,
            "read_only",
            "set by the server",
        ),
        (
            r#"{"created_at":"x"}"#,
            OrderForm::Row,
            "read_only",
            "inside history",
        ),
        (
            r#"{"status":"x"}"#,
            OrderForm::Row,
            "read_only",
            "inside history",
        ),
        (r#"{"status":"x"}"#, SINGLE, "read_only", "not by clients"),
        (r#"{"history":{}}"#, SINGLE, "unknown_field", "to a row"),
        (
            r#"{"idempotency_key":"k"}"#,
            SINGLE,
            "unknown_field",
            "beside the body",
        ),
        (
            r#"{"histroy":{}}"#,
            OrderForm::Row,
            "unknown_field",
            "nearest known one is history",
        ),
        (
            r#"{"adjustment":[]}"#,
            SINGLE,
            "unknown_field",
            "nearest known one is adjustments",
        ),
        (
            r#"{"history":{"state":"x"}}"#,
            OrderForm::Row,
            "unknown_field",
            "nearest known one is status",
        ),
    ] {
        let faults = faults_of(json, row);
        let [fault] = &*faults else {
            panic!("{json}: {faults:?}")
        };
        assert_eq!(fault.code, code, "{json}");
        assert!(fault.detail.contains(detail), "{json}: {}", fault.detail);
    }
}
