//! Headers: names of requests, keys, conditions, hosts, methods, what a client accepts.

use crate::answer::send;
use crate::raw::say;
use crate::server::{Server, client_builder};

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

#[tokio::test]
async fn a_request_keeps_its_name_or_gets_one() {
    let server = Server::start().await;
    let named = send(
        server
            .request("GET", "/livez")
            .header("x-request-id", "client-1"),
    )
    .await;
    assert_eq!(named.header("x-request-id"), "client-1");
    let unnamed = [server.get("/livez").await, server.get("/livez").await];
    assert_eq!(unnamed[0].header("x-request-id").len(), 16);
    assert_ne!(
        unnamed[0].header("x-request-id"),
        unnamed[1].header("x-request-id")
    );
    for unusable in ["", "with space", &"x".repeat(129)] {
        let answer = send(
            server
                .request("GET", "/livez")
                .header("x-request-id", unusable),
        )
        .await;
        assert_eq!(answer.header("x-request-id").len(), 16, "{unusable}");
    }
}

#[tokio::test]
async fn an_orders_events_carry_the_request_and_its_trace() {
    let server = Server::start().await;
    let request = server
        .post_request("/v1/orders", ORDER)
        .header("x-request-id", "client-2")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
    let id = send(request).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let events = server.get(&format!("/v1/orders/{id}/events")).await.json();
    assert_eq!(events["data"][0]["request_id"], "client-2");
    assert_eq!(
        events["data"][0]["trace_id"],
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(events["data"][0]["span_id"], "00f067aa0ba902b7");
}

#[tokio::test]
async fn an_unusable_key_is_400() {
    let server = Server::start().await;
    let too_long = "k".repeat(256);
    let too_long_in_quotes = format!("\"{too_long}\"");
    for key in [
        "",
        "with space",
        "k\u{e9}",
        "a\tb",
        &too_long,
        "\"\"",
        "\"",
        "\"k",
        "\"with space\"",
        "\"a\"b\"",
        "\"a\\b\"",
        &too_long_in_quotes,
    ] {
        let request = server
            .post_request("/v1/orders", ORDER)
            .header("idempotency-key", key.as_bytes());
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_header"),
            "{key:?}"
        );
        assert_eq!(answer.faults()[0].0, "Idempotency-Key");
    }
    let twice = server
        .post_request("/v1/orders", ORDER)
        .header("idempotency-key", "a")
        .header("idempotency-key", "a");
    assert_eq!(send(twice).await.status, 400);
    let longest = server
        .post_request("/v1/orders", ORDER)
        .header("idempotency-key", "k".repeat(255));
    assert_eq!(send(longest).await.status, 201);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn a_key_in_double_quotes_is_the_same_key_without_them() {
    let server = Server::start().await;
    let quoted_longest = format!("\"{}\"", "k".repeat(255));
    for (bare, quoted) in [
        ("5f0c", "\"5f0c\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""),
        (&"k".repeat(255), quoted_longest.as_str()),
    ] {
        let place = |key: &str| {
            let request = server.post_request("/v1/orders", ORDER);
            send(request.header("idempotency-key", key))
        };
        let first = place(quoted).await;
        let again = place(bare).await;
        assert_eq!(
            (first.status, again.status),
            (201, 201),
            "{bare}: {again:?}"
        );
        assert_eq!(again.header("idempotent-replayed"), "true", "{bare}");
        assert_eq!(first.text, again.text, "{bare}");
        // A row of a batch has the key itself, which needs no quotes there.
        let mut row: serde_json::Value = serde_json::from_str(ORDER).unwrap();
        row["idempotency_key"] = bare.into();
        let batch = server.post("/v1/orders/batch", format!("[{row}]")).await;
        assert_eq!(batch.json()["existing"], 1, "{bare}: {}", batch.text);
    }
    let dialect = |key: &str| {
        let body = r#"{"user_id":"u","product_name":"p","quantity":1,"price":1}"#;
        let request = server.post_request("/api/orders", body);
        send(request.header("idempotency-key", key))
    };
    let (quoted, bare) = (dialect("\"d\"").await, dialect("d").await);
    assert_eq!((quoted.status, &quoted.text), (201, &bare.text));
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 4);
}

#[tokio::test]
async fn a_wrong_method_is_405_with_the_right_ones() {
    let server = Server::start().await;
    let id = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for (method, path, allow) in [
        ("DELETE", "/v1/orders".to_owned(), "GET, HEAD, POST"),
        ("PATCH", format!("/v1/orders/{id}"), "GET, HEAD"),
        ("GET", "/v1/orders/batch".to_owned(), "POST"),
        ("GET", format!("/v1/orders/{id}/cancel"), "POST"),
        ("GET", format!("/v1/dead-letters/{id}/replay"), "POST"),
        ("GET", "/v1/dead-letters/replay".to_owned(), "POST"),
        ("POST", "/v1/stats".to_owned(), "GET, HEAD"),
        ("OPTIONS", "/livez".to_owned(), "GET, HEAD"),
        ("BREW", "/".to_owned(), "GET, HEAD"),
    ] {
        let answer = send(server.request(method, &path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method_not_allowed"),
            "{method} {path}"
        );
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn live_streams_take_get_alone() {
    let server = Server::start().await;
    let id = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for path in ["/ws", "/v1/stream", &format!("/v1/orders/{id}/stream")] {
        let answer = server.post(path, "{}").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method_not_allowed"),
            "{path}"
        );
        assert!(answer.header("allow").contains("GET"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::start().await;
    let id = server.place(ORDER).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/orders/{id}");
    let get = server.get(&path).await;
    let head = send(server.request("HEAD", &path)).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.text.len().to_string());
}

#[tokio::test]
async fn an_answer_that_the_client_does_not_take_is_406() {
    let server = Server::start().await;
    let accepting = |path: &str, accept: &str| server.request("GET", path).header("accept", accept);
    for accept in [
        "text/html",
        "image/*",
        "application/json;q=0",
        "application/xml",
    ] {
        let answer = send(accepting("/v1/stats", accept)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (406, "not_acceptable"),
            "{accept}"
        );
    }
    for accept in [
        "*/*",
        "application/json",
        "application/*",
        "text/html, */*;q=0.1",
    ] {
        assert_eq!(
            send(accepting("/v1/stats", accept)).await.status,
            200,
            "{accept}"
        );
    }
    let refused = server
        .post_request("/v1/orders", ORDER)
        .header("accept", "text/html");
    assert_eq!(send(refused).await.status, 406);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn on_loopback_only_loopback_names_are_answered() {
    let server = Server::start().await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "192.168.0.1",
        "",
    ] {
        let request =
            format!("GET /v1/orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let heard = say(server.address, &request).await;
        assert_eq!(heard.status(), 421, "{host}: {}", heard.text);
        assert!(heard.text.contains("\"code\":\"misdirected\""));
    }
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"] {
        let request =
            format!("GET /v1/orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(say(server.address, &request).await.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let server = Server::start().await;
    let client = client_builder().http2_prior_knowledge().build().unwrap();
    let answer = client
        .post(format!("http://{}/v1/orders", server.address))
        .header("content-type", "application/json")
        .body(ORDER)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (201, reqwest::Version::HTTP_2)
    );
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}
