//! Order System's captures, replayed in the setting that is its own and in the one that tells by the body.

use edge_http::OrdersDialect;
use serde_json::json;

use super::capture::{Capture, Relied, Said, names};
use crate::answer::send;
use crate::server::Server;

const SYSTEM: &str = "order-system";
/// A bare answer, without a request: nothing limits rates yet.
const WITHOUT_A_REQUEST: &str = "rate-limited";

/// How ours differs on purpose from what was captured.
fn ours(name: &str, captured: &Relied) -> Relied {
    let mut ours = captured.clone();
    match name {
        // It sent JSON as text/plain.
        "create-ok" | "create-ok-minimal" | "create-duplicate" => {
            let content_type = "application/json".to_owned();
            ours.headers.insert("content-type".to_owned(), content_type);
        }
        // It answered 500 for an order of nobody.
        "create-missing-user" => {
            assert_eq!(ours.status, 500);
            ours = Capture::read(SYSTEM, "create-missing-amount")
                .answer
                .relied();
        }
        _ => {}
    }
    ours
}

async fn server_of(dialect: OrdersDialect) -> Server {
    Server::with(|settings| settings.orders_dialect = dialect).await
}

#[tokio::test]
async fn every_exchange_of_order_system_is_answered_as_it_was() {
    let names = names(SYSTEM);
    assert!(names.len() > 12, "{names:?}");
    for name in names.iter().filter(|name| *name != WITHOUT_A_REQUEST) {
        let capture = Capture::read(SYSTEM, name);
        for dialect in [OrdersDialect::WithOrderId, OrdersDialect::Auto] {
            let server = server_of(dialect).await;
            if name == "create-duplicate" {
                let first = Capture::read(SYSTEM, "create-ok");
                assert_eq!(first.replay(server.address).await.status, 202);
            }
            let heard = capture.replay(server.address).await;
            if name == "create-missing-order-id" && dialect == OrdersDialect::Auto {
                // Without an order_id it is orderSystem's.
                assert_eq!(heard.status, 201);
                continue;
            }
            let expected = ours(name, &capture.answer.relied());
            assert_eq!(heard.relied(), expected, "{name}, {dialect:?}");
        }
    }
}

#[tokio::test]
async fn the_same_order_id_is_the_same_order() {
    let server = Server::start().await;
    let create = Capture::read(SYSTEM, "create-ok");
    for _ in 0..3 {
        assert_eq!(create.replay(server.address).await.status, 202);
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
    let listed = server
        .get("/v1/orders?user_id=alice&external_id=o-1")
        .await
        .json();
    let order = &listed["data"][0];
    assert_eq!(order["source"], "web");
    assert_eq!(order["amount"], json!(19.98));
    assert_eq!(order["metadata"], json!({"note": "x"}));
    for other in [
        r#"{"order_id":"o-1","user_id":"alice","amount":19.99,"currency":"USD","source":"web","metadata":{"note":"x"}}"#,
        r#"{"order_id":"o-1","user_id":"alice","amount":19.98}"#,
    ] {
        let answer = server.post("/orders", other).await;
        assert_eq!(answer.status, 409, "{other}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(
            answer.text,
            "order_id is taken by an order with another body\n"
        );
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
    // Its own captures end here: ours may be read, under the number that the client knows.
    let by_id = Capture::read(SYSTEM, "by-id").replay(server.address).await;
    assert_eq!(
        (by_id.status, &by_id.json()["order_id"]),
        (200, &json!("o-1"))
    );
}

#[tokio::test]
async fn what_it_took_without_a_look_is_taken_or_refused_for_a_reason() {
    let server = Server::start().await;
    let body = r#"{"order_id":"o-9","USER_ID":"zoe","Amount":1.50,"currency":"usd","source":"kiosk",
        "status":"DONE","retry_count":7,"metadata":{"gift":true,"note":"x","none":null}}"#;
    let request = server.request("POST", "/orders").body(body);
    assert_eq!(send(request).await.status, 202);
    let order = &server.get("/v1/orders?user_id=zoe").await.json()["data"][0];
    assert_eq!(order["status"], "PENDING");
    assert_eq!(
        (&order["currency"], &order["source"]),
        (&json!("USD"), &json!("api"))
    );
    assert_eq!(
        order["metadata"],
        json!({"gift": "true", "note": "x", "source": "kiosk"})
    );
    for (body, words) in [
        (
            r#"{"order_id":"o","user_id":"z","amount":0.001}"#,
            "invalid order data: amount has more than 2 digits",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":0}"#,
            "invalid order data\n",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":-1}"#,
            "invalid order data\n",
        ),
        (
            r#"{"order_id":"","user_id":"z","amount":1}"#,
            "invalid order data\n",
        ),
        (
            r#"{"order_id":"o","user_id":"  ","amount":1}"#,
            "invalid order data: user_id must not be blank",
        ),
        (
            r#"{"order_id":"o\u0000","user_id":"z","amount":1}"#,
            "invalid order data: order_id holds a control",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":1,"currency":"XX"}"#,
            "invalid order data: currency is not",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":"1"}"#,
            "invalid request body\n",
        ),
        (
            r#"{"order_id":1,"user_id":"z","amount":1}"#,
            "invalid request body\n",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":1,"metadata":[]}"#,
            "invalid request body\n",
        ),
        (
            r#"{"order_id":"o","user_id":"z","amount":1} {"#,
            "invalid request body\n",
        ),
    ] {
        let answer = server.post("/orders", body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text.starts_with(words), "{body}: {}", answer.text);
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn an_amount_keeps_every_digit() {
    let server = Server::start().await;
    let body = r#"{"order_id":"big","user_id":"z","amount":90071992547409.91}"#;
    assert_eq!(server.post("/orders", body).await.status, 202);
    let answer = server.get("/orders/big").await;
    assert!(
        answer.text.contains(r#""amount":90071992547409.91,"#),
        "{}",
        answer.text
    );
    assert!(matches!(
        Capture::read(SYSTEM, "get").answer.relied().body,
        Said::Text(_)
    ));
}
