//! Bounds of size, time and number, as a client meets them.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::answer::send;
use crate::raw::{PATIENCE, listen, say, talk};
use crate::server::Server;
use port_conformance::faulty::FaultMode;

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

fn head(address: std::net::SocketAddr, more: &str) -> String {
    format!(
        "POST /v1/orders HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_body_over_its_bound_is_413_declared_or_not() {
    let server = Server::with(|settings| {
        settings.max_body_bytes = 1000;
        settings.max_batch_bytes = 2000;
    })
    .await;
    let large = format!(
        r#"{{"user_id":"a","amount":1,"metadata":{{"k":"{}"}}}}"#,
        "x".repeat(1000)
    );
    let answer = server.post("/v1/orders", large.as_str()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
    let pieces = large
        .into_bytes()
        .chunks(100)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    let chunked = server
        .post_request("/v1/orders", "")
        .body(reqwest::Body::wrap_stream(futures_util::stream::iter(
            pieces,
        )));
    let answer = send(chunked).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
    let batch = format!("[{}]", vec![ORDER; 100].join(","));
    let answer = server.post("/v1/orders/batch", batch).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn a_large_batch_is_taken_in_many_pieces() {
    let server = Server::start().await;
    let note = "n".repeat(8_000);
    let row = format!(r#"{{"user_id":"a","amount":1,"metadata":{{"k":"{note}"}}}}"#);
    let batch = format!("[{}]", vec![row; 1_000].join(","));
    let answer = server.post("/v1/orders/batch", batch).await;
    assert_eq!(answer.json()["accepted"], 1_000, "{answer:?}");
}

#[tokio::test]
async fn a_client_that_waits_for_continue_is_refused_without_its_body() {
    let server = Server::with(|settings| settings.max_body_bytes = 1000).await;
    let request = head(
        server.address,
        "Content-Length: 5000\r\nExpect: 100-continue\r\n",
    );
    let heard = say(server.address, &request).await;
    assert_eq!(
        (heard.status(), heard.was_closed),
        (413, true),
        "{}",
        heard.text
    );
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let server = Server::with(|settings| settings.idle_timeout = Duration::from_millis(200)).await;
    for pieces in [
        &[&b""[..]][..],
        &[b"POST /v1/orders HTT"],
        &[b"PRI * HT"],
        &[b"GET / HTTP/1.1\r\nA: b\r\n"],
    ] {
        let heard = talk(server.address, pieces, Duration::ZERO).await;
        assert!(heard.was_closed, "{pieces:?}");
    }
    // Dripping bytes do not help: they would go on for 20 seconds.
    let drops = [&b"G"[..]; 1_000];
    let began = tokio::time::Instant::now();
    let heard = talk(server.address, &drops, Duration::from_millis(20)).await;
    assert!(heard.was_closed && began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_slow_body_is_408_and_cut_off() {
    let server = Server::with(|settings| settings.body_timeout = Duration::from_millis(200)).await;
    let request = head(server.address, "Content-Length: 500\r\n");
    let heard = say(server.address, &format!("{request}{{\"user_id\"")).await;
    assert_eq!(
        (heard.status(), heard.was_closed),
        (408, true),
        "{}",
        heard.text
    );
    assert!(heard.text.contains("\"code\":\"body_timeout\""));
}

#[tokio::test]
async fn an_idle_connection_stays_open_for_its_time_and_ends_then() {
    let server = Server::with(|settings| settings.idle_timeout = Duration::from_millis(800)).await;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let request = request.as_bytes();
    let pause = Duration::from_millis(400);
    let heard = talk(server.address, &[request, request, request], pause).await;
    assert_eq!(
        heard.text.matches("HTTP/1.1 200").count(),
        3,
        "{}",
        heard.text
    );
    assert!(heard.was_closed);
}

#[tokio::test]
async fn a_slow_answer_is_not_taken_for_a_silent_client() {
    let server = Server::with(|settings| settings.idle_timeout = Duration::from_millis(100)).await;
    server.store_becomes(FaultMode::Slow(Duration::from_millis(700)));
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn a_long_address_is_414() {
    let server = Server::start().await;
    let answer = server
        .get(&format!("/v1/orders?q={}", "x".repeat(9_000)))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (414, "uri_too_long")
    );
    let beyond = "x".repeat(70_000);
    // Beyond what is read of a head the answer may be lost with the connection; an order is never made of it.
    let request = format!("GET /{beyond} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let heard = say(server.address, &request).await;
    assert!(
        heard.was_closed && matches!(heard.status(), 0 | 414 | 431),
        "{}",
        heard.text
    );
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn too_large_or_too_many_headers_are_431() {
    let server = Server::start().await;
    let large = server
        .request("GET", "/livez")
        .header("x-large", "x".repeat(40_000));
    let answer = send(large).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (431, "headers_too_large")
    );
    let mut request = server.request("GET", "/livez");
    for index in 0..101 {
        request = request.header(format!("x-{index}"), "x");
    }
    assert_eq!(send(request).await.status, 431);
    let beyond = "x".repeat(100_000);
    let heard = say(
        server.address,
        &format!("GET / HTTP/1.1\r\nX: {beyond}\r\n\r\n"),
    )
    .await;
    assert!(
        heard.was_closed && matches!(heard.status(), 0 | 431),
        "{}",
        heard.text
    );
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_closed_with_400() {
    let server = Server::start().await;
    for request in [
        "\0\0\0\0\r\n\r\n",
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let heard = say(server.address, request).await;
        assert!(
            heard.was_closed && heard.status() == 400,
            "{request:?}: {}",
            heard.text
        );
    }
    let smuggled = head(
        server.address,
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    ) + "0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    let heard = say(server.address, &smuggled).await;
    assert_eq!(heard.text.matches("HTTP/1.1").count(), 1, "{}", heard.text);
    assert!(server.get("/livez").await.status == 200);
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_order() {
    let server = Server::start().await;
    let request = head(server.address, "Content-Length: 500\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(ORDER.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let heard = listen(&mut stream, PATIENCE).await;
    assert!(
        heard.was_closed && !heard.text.contains("HTTP/1.1 2"),
        "{}",
        heard.text
    );
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn connections_past_the_bound_wait_for_their_turn() {
    let server = Server::with(|settings| settings.max_connections = 1).await;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(request.as_bytes()).await.unwrap();
    let heard = listen(&mut first, Duration::from_millis(300)).await;
    assert_eq!(heard.status(), 200);
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(
        listen(&mut second, Duration::from_millis(300))
            .await
            .status(),
        0
    );
    drop(first);
    assert_eq!(
        listen(&mut second, Duration::from_millis(300))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn requests_past_the_bound_are_503_at_once() {
    let server = Server::with(|settings| settings.max_requests_in_flight = 1).await;
    server.store_becomes(FaultMode::Slow(Duration::from_millis(500)));
    let slow = server.post("/v1/orders", ORDER);
    let refused = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.post("/v1/orders", ORDER).await
    };
    let (slow, refused) = tokio::join!(slow, refused);
    assert_eq!(slow.status, 201);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "overloaded")
    );
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn bodies_hold_no_more_together_than_they_may() {
    let server = Server::with(|settings| settings.max_bodies_bytes = 1_000_000).await;
    let large = format!(
        "[{}]",
        vec![
            format!(
                r#"{{"user_id":"a","amount":1,"metadata":{{"k":"{}"}}}}"#,
                "n".repeat(8_000)
            );
            100
        ]
        .join(",")
    );
    server.store_becomes(FaultMode::Slow(Duration::from_secs(2)));
    let first = server.post("/v1/orders/batch", large.as_str());
    let second = async {
        // The first one has been read by now, and waits for the store.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = server.post("/v1/orders/batch", large.as_str()).await;
        // What is small always fits.
        (refused, server.post("/v1/orders", ORDER).await)
    };
    let (first, (refused, small)) = tokio::join!(first, second);
    assert_eq!(first.json()["accepted"], 100, "{first:?}");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "overloaded")
    );
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(small.status, 201);
    server.store_becomes(FaultMode::Well);
    assert_eq!(
        server.post("/v1/orders/batch", large).await.json()["accepted"],
        100
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = Server::with(|settings| settings.idle_timeout = Duration::from_millis(300)).await;
    let note = "n".repeat(8_000);
    let row = format!(r#"{{"user_id":"a","amount":1,"metadata":{{"k":"{note}"}}}}"#);
    let batch = format!("[{}]", vec![row; 1_000].join(","));
    assert_eq!(
        server.post("/v1/orders/batch", batch).await.json()["accepted"],
        1_000
    );
    let request = format!(
        "GET /v1/orders?limit=1000 HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    // The answer has begun to come; from now on the client takes no more of it.
    stream.peek(&mut [0]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let heard = listen(&mut stream, PATIENCE).await;
    assert!(heard.was_closed && heard.status() == 200);
    assert!(
        heard.text.len() < 8_000_000,
        "{} bytes came all the same",
        heard.text.len()
    );
}
