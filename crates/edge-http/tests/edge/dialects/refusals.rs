//! How refusals sound on the dialects' addresses, also those that come before any of their code, and where they do not.

use std::time::Duration;

use application::ports::StoreError;
use domain::ShardId;
use serde_json::json;

use crate::answer::send;
use crate::raw::say;
use crate::server::Server;
use port_conformance::faulty::FaultMode;

const ORDERFLOW: &str = r#"{"user_id":"u","product_name":"p","quantity":1,"price":1}"#;
const ORDER: &str = r#"{"user_id":"u","amount":1}"#;

fn unavailable() -> StoreError {
    StoreError::Unavailable {
        shard: ShardId(0),
        reason: "a secret".to_owned(),
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_503_in_the_dialects_own_form() {
    let server = Server::start().await;
    server.store_becomes(FaultMode::Failing(unavailable()));
    let words =
        "The store cannot be reached. Nothing was done; send the request again in a moment.";
    for answer in [
        server.post("/api/orders", ORDERFLOW).await,
        server.get("/api/orders").await,
    ] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
        assert_eq!(answer.json(), json!({"error": words}));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    for answer in [
        server.post("/orders", ORDER).await,
        server.get("/orders/1").await,
    ] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
        assert_eq!(answer.text, format!("{words}\n"));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    server.store_becomes(FaultMode::Panicking);
    let panicked = server.get("/api/orders").await;
    assert_eq!(panicked.status, 500);
    assert!(panicked.json()["error"].is_string());
}

#[tokio::test]
async fn what_is_refused_before_any_dialect_is_said_in_its_form() {
    let server = Server::with(|settings| {
        settings.max_body_bytes = 100;
        settings.body_timeout = Duration::from_millis(200);
    })
    .await;
    let large = server.post("/api/orders", "x".repeat(101)).await;
    assert_eq!(large.status, 413);
    assert!(
        large.json()["error"]
            .as_str()
            .unwrap()
            .contains("at most 100 bytes")
    );
    let large = server.post("/orders", "x".repeat(101)).await;
    assert_eq!(large.status, 413);
    assert!(large.text.contains("at most 100 bytes"), "{}", large.text);
    let compressed = send(
        server
            .post_request("/orders", ORDER)
            .header("content-encoding", "gzip"),
    )
    .await;
    assert_eq!(compressed.status, 415);
    assert_eq!(compressed.header("accept-encoding"), "identity");
    assert!(compressed.text.contains("\"gzip\""), "{}", compressed.text);
    let key = send(
        server
            .post_request("/orders", ORDER)
            .header("idempotency-key", "a b"),
    )
    .await;
    assert_eq!(key.status, 400);
    assert!(key.text.contains("Idempotency-Key"), "{}", key.text);
    let slow = "POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{";
    let slow = say(server.address, slow).await;
    assert_eq!(slow.status(), 408);
    assert!(
        slow.was_closed && slow.text.contains("{\"error\":"),
        "{}",
        slow.text
    );
    let foreign = "GET /api/orders HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(say(server.address, foreign).await.status(), 421);
}

#[tokio::test]
async fn pages_of_this_machine_read_at_the_addresses_of_dialects_only() {
    let server = Server::start().await;
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    let page = "http://localhost:3000";
    for (method, path, expected) in [
        ("GET", "/api/orders", page),
        ("OPTIONS", "/api/orders", page),
        ("HEAD", "/api/orders", page),
        ("GET", "/health", ""),
        ("GET", "/v1/orders", ""),
        ("OPTIONS", "/v1/orders", ""),
        ("GET", &format!("/orders/{id}"), page),
        ("OPTIONS", "/orders", page),
        ("GET", "/livez", ""),
        ("GET", "/nope", ""),
    ] {
        let request = server.request(method, path).header("origin", page);
        let answer = send(request).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            expected,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_405_as_text_with_the_right_ones() {
    let server = Server::start().await;
    for (method, path, allow) in [
        ("HEAD", "/api/orders", "GET, POST, OPTIONS"),
        ("BREW", "/api/orders", "GET, POST, OPTIONS"),
        ("DELETE", "/orders", "POST"),
        ("PUT", "/orders/1", "GET, HEAD"),
    ] {
        let answer = send(server.request(method, path)).await;
        let text = if method == "HEAD" {
            ""
        } else {
            "method not allowed\n"
        };
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (405, text),
            "{method} {path}"
        );
        assert_eq!(answer.header("allow"), allow);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn an_accept_header_is_not_looked_at() {
    let server = Server::start().await;
    let answer = send(
        server
            .request("GET", "/api/orders")
            .header("accept", "text/html"),
    )
    .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn where_there_is_nothing_our_addresses_say_so_in_our_form() {
    let server = Server::start().await;
    for path in ["/v1/nothing", "/v1", "/docs/nothing", "/health/"] {
        assert_eq!(server.get(path).await.code(), "no_such_route", "{path}");
    }
    for path in ["/nothing", "/api", "/api/orders/", "/orders/", "/v2/orders"] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}
