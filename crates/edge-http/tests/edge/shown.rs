//! Bodies as clients see them, kept as snapshots.

use insta::assert_snapshot;

use crate::redacted::redacted;
use crate::server::Server;

const ORDER: &str = r#"{"user_id":"alice","external_id":"A-1","source":"web","currency":"USD",
    "lines":[{"sku":"KB-1","product_name":"Mechanical Keyboard","quantity":2,"unit_price":149.99},
             {"product_name":"Wrist \"rest\"","quantity":1,"unit_price":"9.5"}],
    "metadata":{"gift":"yes"}}"#;

#[tokio::test]
async fn an_order() {
    let server = Server::start().await;
    let answer = server.post("/v1/orders", ORDER).await;
    assert_snapshot!("order", redacted(&answer.text));
}

#[tokio::test]
async fn lists_of_orders_and_events() {
    let server = Server::start().await;
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    server.fail_everything("declined").await;
    assert_snapshot!("orders", redacted(&server.get("/v1/orders").await.text));
    let events = server.get(&format!("/v1/orders/{id}/events")).await;
    assert_snapshot!("events", redacted(&events.text));
}

#[tokio::test]
async fn stats_reconcile() {
    let server = Server::start().await;
    for change in ["cancel", "hold"] {
        let id = server.place(r#"{"user_id":"a","amount":1}"#).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        server.post(&format!("/v1/orders/{id}/{change}"), "").await;
    }
    server.place(ORDER).await;
    server.fail_everything("declined").await;
    server.place(r#"{"user_id":"a","amount":1}"#).await;
    assert_snapshot!("stats", redacted(&server.get("/v1/stats").await.text));
}

#[tokio::test]
async fn how_the_server_is() {
    let server = Server::start().await;
    assert_eq!(server.get("/livez").await.text, "ok\n");
    assert_eq!(server.get("/readyz").await.text, r#"{"status":"ready"}"#);
    assert_snapshot!("health", server.get("/health").await.text);
    let start = server.get("/").await;
    assert_eq!(start.header("content-type"), "text/plain; charset=utf-8");
    assert!(start.text.contains("POST /v1/orders"));
}

#[tokio::test]
async fn problems() {
    let server = Server::start().await;
    assert_snapshot!(
        "problem_no_such_route",
        redacted(&server.get("/v1/nothing").await.text)
    );
    assert_snapshot!(
        "problem_malformed",
        redacted(&server.post("/v1/orders", "{\"user_id\":}").await.text)
    );
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    server.post(&format!("/v1/orders/{id}/cancel"), "").await;
    let conflict = server.post(&format!("/v1/orders/{id}/cancel"), "").await;
    assert_snapshot!("problem_conflict", redacted(&conflict.text));
}

#[tokio::test]
async fn a_problem_has_a_page_at_its_type() {
    let server = Server::start().await;
    let problem = server.get("/v1/nothing").await.json();
    let page = server.get(problem["type"].as_str().unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.starts_with("no_such_route\n404. "),
        "{}",
        page.text
    );
    assert_eq!(server.get("/docs/errors/").await.code(), "no_such_route");
}
