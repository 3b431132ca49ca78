//! Totals, quantities, adjustments and times that are refused, each with its pointer, and what the answer says of them.

use crate::answer::Answer;
use crate::server::Server;

/// An order with one line and these other fields.
pub fn of_line(line: &str, rest: &str) -> String {
    format!(r#"{{"user_id":"a","currency":"EUR","lines":[{{"product_name":"x",{line}}}]{rest}}}"#)
}

/// An order of 10.00 EUR with this adjustment.
pub fn adjusted(adjustment: &str) -> String {
    of_line(
        r#""quantity":1,"total":10"#,
        &format!(r#","adjustments":[{adjustment}]"#),
    )
}

/// The answer to a body that is refused with 422, and its faults.
pub async fn faults_of(server: &Server, body: &str) -> (Answer, Vec<(String, String)>) {
    let answer = server.post("/v1/orders", body).await;
    assert_eq!(answer.status, 422, "{body}: {answer:?}");
    assert_eq!(answer.code(), "validation_failed");
    let faults = answer.faults();
    (answer, faults)
}

#[tokio::test]
async fn each_faulty_total_quantity_or_adjustment_is_422_with_its_pointer() {
    let server = Server::start().await;
    let line = |line: &str| of_line(line, "");
    let adjustment = |fields: &str| adjusted(&format!("{{{fields}}}"));
    let many = vec![r#"{"kind":"fee","amount":1}"#; 51].join(",");
    let large = r#"{"product_name":"x","quantity":1,"total":90071992547409.91}"#;
    let cases = [
        // One cent beyond the tolerance, which is half a cent a piece, and half a cent more for a weight.
        (
            line(r#""quantity":3,"unit_price":6.67,"total":19.99"#),
            "/lines/0/total",
            "not_the_product",
        ),
        (
            line(r#""quantity":0.3,"unit_price":2.19,"total":0.67"#),
            "/lines/0/total",
            "not_the_product",
        ),
        (
            line(r#""quantity":1,"unit_price":10,"total":9.99"#),
            "/lines/0/total",
            "not_the_product",
        ),
        (
            line(r#""quantity":0.3,"unit_price":2.19"#),
            "/lines/0/total",
            "required",
        ),
        (line(r#""quantity":1"#), "/lines/0", "required"),
        (
            line(r#""quantity":1,"unit_price":null,"total":null"#),
            "/lines/0",
            "required",
        ),
        (
            line(r#""quantity":1,"total":-1"#),
            "/lines/0/total",
            "out_of_range",
        ),
        (
            line(r#""quantity":1,"total":1.001"#),
            "/lines/0/total",
            "too_precise",
        ),
        (
            line(r#""quantity":1,"total":true"#),
            "/lines/0/total",
            "wrong_type",
        ),
        (
            line(r#""quantity":1,"unit_price":-1"#),
            "/lines/0/unit_price",
            "out_of_range",
        ),
        (
            line(r#""quantity":0.0005,"total":1"#),
            "/lines/0/quantity",
            "too_precise",
        ),
        (
            line(r#""quantity":1.2345,"total":1"#),
            "/lines/0/quantity",
            "too_precise",
        ),
        (
            line(r#""quantity":0,"total":1"#),
            "/lines/0/quantity",
            "out_of_range",
        ),
        (
            line(r#""quantity":1000000.001,"total":1"#),
            "/lines/0/quantity",
            "out_of_range",
        ),
        (
            line(r#""quantity":1e99,"total":1"#),
            "/lines/0/quantity",
            "out_of_range",
        ),
        (
            line(r#""quantity":"1,5","total":1"#),
            "/lines/0/quantity",
            "not_a_number",
        ),
        (
            line(r#""quantity":[],"total":1"#),
            "/lines/0/quantity",
            "wrong_type",
        ),
        (
            line(r#""quantity":1000000,"unit_price":90071992547409"#),
            "/lines/0",
            "out_of_range",
        ),
        (
            format!(r#"{{"user_id":"a","lines":[{large},{large}]}}"#),
            "/lines",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"discount","amount":0.01"#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"shipping","amount":-0.01"#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"tax","amount":-1"#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"fee","amount":-1"#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"tip","amount":"-1""#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"coupon","amount":-1"#),
            "/adjustments/0/kind",
            "unknown_value",
        ),
        (
            adjustment(r#""kind":"Discount","amount":-1"#),
            "/adjustments/0/kind",
            "unknown_value",
        ),
        (
            adjustment(r#""kind":7,"amount":-1"#),
            "/adjustments/0/kind",
            "wrong_type",
        ),
        (
            adjustment(r#""amount":-1"#),
            "/adjustments/0/kind",
            "required",
        ),
        (
            adjustment(r#""kind":"other""#),
            "/adjustments/0/amount",
            "required",
        ),
        (
            adjustment(r#""kind":"other","amount":"free""#),
            "/adjustments/0/amount",
            "not_a_number",
        ),
        (
            adjustment(r#""kind":"other","amount":0.001"#),
            "/adjustments/0/amount",
            "too_precise",
        ),
        (
            adjustment(r#""kind":"other","amount":-1e99"#),
            "/adjustments/0/amount",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"other","amount":1,"label":"""#),
            "/adjustments/0/label",
            "blank",
        ),
        (
            adjustment(&format!(
                r#""kind":"other","amount":1,"label":"{}""#,
                "é".repeat(256)
            )),
            "/adjustments/0/label",
            "too_long",
        ),
        (
            adjustment(r#""kind":"fee","amount":1,"included":true"#),
            "/adjustments/0/included",
            "not_allowed",
        ),
        (
            adjustment(r#""kind":"tax","amount":1,"included":"yes""#),
            "/adjustments/0/included",
            "wrong_type",
        ),
        (
            adjustment(r#""kind":"discount","amount":-10.01"#),
            "/adjustments",
            "out_of_range",
        ),
        (
            adjustment(r#""kind":"fee","amount":90071992547409.91"#),
            "/lines",
            "out_of_range",
        ),
        (adjusted("7"), "/adjustments/0", "wrong_type"),
        (adjusted(&many), "/adjustments", "too_many"),
        (
            of_line(r#""quantity":1,"total":1"#, r#","adjustments":{}"#),
            "/adjustments",
            "wrong_type",
        ),
        (
            r#"{"user_id":"a","amount":1,"process_after":"tomorrow"}"#.to_owned(),
            "/process_after",
            "invalid",
        ),
        (
            r#"{"user_id":"a","amount":1,"process_after":1767225600}"#.to_owned(),
            "/process_after",
            "wrong_type",
        ),
        (
            r#"{"user_id":"a","amount":1,"waiting_for":{"what":"worker"}}"#.to_owned(),
            "/waiting_for",
            "read_only",
        ),
        (
            r#"{"user_id":"a","amount":1,"retry_at":null}"#.to_owned(),
            "/retry_at",
            "read_only",
        ),
        (
            r#"{"user_id":"a","amount":1,"history":{"status":"PROCESSED"}}"#.to_owned(),
            "/history",
            "unknown_field",
        ),
    ];
    for (body, pointer, code) in cases {
        let (_, faults) = faults_of(&server, &body).await;
        let shown = &body[..body.floor_char_boundary(140)];
        assert_eq!(faults, [(pointer.to_owned(), code.to_owned())], "{shown}");
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn all_faults_of_an_adjustment_come_at_once() {
    let server = Server::start().await;
    let body = adjusted(r#"{"kind":"discount","amount":1,"included":true,"label":""}"#);
    let (_, faults) = faults_of(&server, &body).await;
    let found: Vec<_> = faults
        .iter()
        .map(|(pointer, code)| (pointer.as_str(), code.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("/adjustments/0/label", "blank"),
            ("/adjustments/0/amount", "out_of_range"),
            ("/adjustments/0/included", "not_allowed"),
        ]
    );
}

#[tokio::test]
async fn a_currency_that_would_be_refused_is_not_suggested() {
    let server = Server::start().await;
    let body = r#"{"user_id":"a","amount":1,"currency":"dem"}"#;
    let (answer, faults) = faults_of(&server, body).await;
    assert_eq!(
        faults,
        [("/currency".to_owned(), "unknown_value".to_owned())]
    );
    assert!(!answer.text.contains("did you mean"), "{}", answer.text);
}

#[tokio::test]
async fn a_fault_of_money_names_the_difference_and_the_remedy() {
    let server = Server::start().await;
    for (body, words) in [
        (
            of_line(r#""quantity":3,"unit_price":6.67,"total":19.99"#, ""),
            "is 19.99, but 3 x 6.67 is 20.01; send the total that was charged",
        ),
        (
            of_line(r#""quantity":0.3,"unit_price":2.19"#, ""),
            "is required: 0.3 x 2.19 is 0.657, which EUR cannot express; send the rounded total",
        ),
        (
            adjusted(r#"{"kind":"discount","amount":5}"#),
            "a discount is negative or zero",
        ),
        (
            adjusted(r#"{"kind":"coupon","amount":-5}"#),
            "must be one of discount, shipping, tax, fee, tip, rounding, other",
        ),
        (
            adjusted(r#"{"kind":"other","amount":-11}"#),
            "the amount would be below zero",
        ),
        (
            r#"{"user_id":"a","amount":1,"currency":"eur"}"#.to_owned(),
            "did you mean EUR?",
        ),
        (
            r#"{"user_id":"a","amount":1,"currency":"DEM"}"#.to_owned(),
            "was withdrawn from ISO 4217 and is accepted for imported history only",
        ),
        (
            of_line(r#""quantity":1,"totla":1"#, ""),
            "is not a field of a line; the nearest known one is total",
        ),
        (
            adjusted(r#"{"kind":"fee","amount":1,"lable":"x"}"#),
            "is not a field of an adjustment; the nearest known one is label",
        ),
        (
            r#"{"user_id":"a","amount":1,"adjustment":[]}"#.to_owned(),
            "the nearest known one is adjustments",
        ),
        (
            r#"{"user_id":"a","amount":1,"proces_after":null}"#.to_owned(),
            "the nearest known one is process_after",
        ),
    ] {
        let (answer, _) = faults_of(&server, &body).await;
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        let found = errors
            .iter()
            .any(|fault| fault["detail"].as_str().unwrap().contains(words));
        assert!(found, "{body}: {errors:?}");
    }
}
