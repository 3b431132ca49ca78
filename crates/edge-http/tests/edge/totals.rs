//! Totals, decimal quantities and adjustments that are taken, and what the amount is then.

use serde_json::json;

use crate::money_faults::{adjusted, faults_of, of_line};
use crate::server::Server;

#[tokio::test]
async fn totals_and_quantities_are_taken_as_files_and_scales_have_them() {
    let server = Server::start().await;
    for (line, shown, amount) in [
        // A total and its rounded quotient, a weight, a price for a weight, a total alone.
        (
            r#""quantity":3,"unit_price":6.67,"total":20"#,
            r#""quantity":3,"unit_price":6.67,"total":20.00"#,
            "20.00",
        ),
        (
            r#""quantity":0.3,"unit_price":2.19,"total":0.66"#,
            r#""quantity":0.3,"unit_price":2.19,"total":0.66"#,
            "0.66",
        ),
        (
            r#""quantity":"0.485","total":"1.45""#,
            r#""quantity":0.485,"unit_price":null,"total":1.45"#,
            "1.45",
        ),
        (
            r#""quantity":1.5,"unit_price":1"#,
            r#""quantity":1.5,"unit_price":1.00,"total":1.50"#,
            "1.50",
        ),
        (
            r#""quantity":2.000,"unit_price":"0.50""#,
            r#""quantity":2,"unit_price":0.50,"total":1.00"#,
            "1.00",
        ),
        (
            r#""quantity":1000000,"unit_price":0,"total":0"#,
            r#""quantity":1000000,"unit_price":0.00,"total":0.00"#,
            "0.00",
        ),
        (
            r#""quantity":0.001,"unit_price":null,"total":5"#,
            r#""quantity":0.001,"unit_price":null,"total":5.00"#,
            "5.00",
        ),
    ] {
        let answer = server.post("/v1/orders", of_line(line, "")).await;
        assert_eq!(answer.status, 201, "{line}: {answer:?}");
        assert!(answer.text.contains(shown), "{}", answer.text);
        let amount = format!(r#""amount":{amount},"#);
        assert!(answer.text.contains(&amount), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_amount_is_the_sum_of_totals_and_adjustments_that_are_not_included() {
    let server = Server::start().await;
    let adjustments = r#"[{"kind":"discount","label":"SPRING","amount":-20},{"kind":"shipping","amount":"6.00"},
        {"kind":"tax","amount":47.50,"included":true},{"kind":"tip","amount":0.02,"included":false},
        {"kind":"rounding","amount":-0.02,"label":null},{"kind":"fee","amount":0},{"kind":"other","amount":-1}]"#;
    let body = |amount: &str| {
        format!(
            r#"{{"user_id":"a","lines":[{{"product_name":"x","quantity":2,"unit_price":149.99}}],"adjustments":{adjustments}{amount}}}"#
        )
    };
    for amount in ["", r#","amount":284.98"#, r#","amount":"284.980""#] {
        let order = server.place(&body(amount)).await;
        assert_eq!(order["amount"], json!(284.98));
        assert_eq!(order["adjustments"].as_array().unwrap().len(), 7);
        assert_eq!(
            order["adjustments"][2],
            json!({"kind": "tax", "label": null, "amount": 47.50, "included": true})
        );
    }
    let (answer, faults) = faults_of(&server, &body(r#","amount":285"#)).await;
    assert_eq!(faults, [("/amount".to_owned(), "not_the_sum".to_owned())]);
    let detail = answer.json()["errors"][0]["detail"].clone();
    assert_eq!(
        detail,
        "is 285.00, but the sum of the lines and adjustments is 284.98"
    );
    // Without lines they are information, and the rule of the sum does not apply.
    let order = server
        .place(r#"{"user_id":"a","amount":5,"adjustments":[{"kind":"discount","amount":-50}]}"#)
        .await;
    assert_eq!(order["amount"], json!(5.00));
    assert_eq!(order["adjustments"][0]["amount"], json!(-50.00));
}

#[tokio::test]
async fn exactly_50_adjustments_and_1000_lines_are_taken() {
    let server = Server::start().await;
    let adjustments = vec![r#"{"kind":"fee","amount":1}"#; 50].join(",");
    let order = server.place(&adjusted(&adjustments)).await;
    assert_eq!(order["amount"], json!(60.00));
    let lines = vec![r#"{"product_name":"x","quantity":0.5,"total":1}"#; 1000].join(",");
    let body = format!(r#"{{"user_id":"a","lines":[{lines}]}}"#);
    assert_eq!(server.place(&body).await["amount"], json!(1000.00));
}
