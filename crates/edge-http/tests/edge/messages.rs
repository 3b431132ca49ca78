//! Requests at the limits of HTTP itself: answered early, half-closed, half-sent, or forbidden by RFC 9112.

use std::time::Duration;

use reqwest::Body;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::answer::send;
use crate::raw::{PATIENCE, listen, say};
use crate::server::{Server, client_builder};

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

#[tokio::test]
async fn an_early_refusal_leaves_the_connection_usable() {
    let server = Server::start().await;
    let host = server.address;
    let body = "x".repeat(100_000);
    for (line, more, status) in [
        ("POST /v1/nothing", "", 404),
        ("POST /nothing", "", 404),
        ("POST /v1/stats", "", 405),
        ("POST /v1/orders", "Content-Type: text/plain\r\n", 415),
        ("POST /v1/orders", "Content-Encoding: gzip\r\n", 415),
        ("POST /v1/orders?limit=1", "", 400),
    ] {
        let length = body.len();
        let first = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        );
        let second = format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let heard = say(host, &format!("{first}{second}")).await;
        assert_eq!(heard.status(), status, "{line}: {}", heard.text);
        assert!(
            heard.text.contains("HTTP/1.1 200 OK"),
            "{line}: {}",
            heard.text
        );
    }
}

#[tokio::test]
async fn an_early_refusal_of_a_body_that_does_not_end_says_that_the_connection_closes() {
    let server = Server::start().await;
    let request = format!(
        "POST /v1/nothing HTTP/1.1\r\nHost: {}\r\nContent-Length: 50000000\r\n\r\nx",
        server.address
    );
    let heard = say(server.address, &request).await;
    assert_eq!((heard.status(), heard.was_closed), (404, true));
    assert!(
        heard
            .text
            .to_ascii_lowercase()
            .contains("connection: close"),
        "{}",
        heard.text
    );
}

#[tokio::test]
async fn a_full_request_that_is_followed_by_a_half_close_is_answered() {
    let server = Server::start().await;
    let length = ORDER.len();
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{ORDER}",
        server.address
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let heard = listen(&mut stream, PATIENCE).await;
    assert_eq!(
        (heard.status(), heard.was_closed),
        (201, true),
        "{}",
        heard.text
    );
}

#[tokio::test]
async fn a_message_that_http_forbids_is_400() {
    let server = Server::start().await;
    for (request, header) in [
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), "Host"),
        (
            format!(
                "POST /v1/orders HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
                 Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                server.address
            ),
            "Transfer-Encoding",
        ),
    ] {
        let heard = say(server.address, &request).await;
        assert_eq!(heard.status(), 400, "{}", heard.text);
        let fault = format!("\"header\":\"{header}\"");
        assert!(heard.text.contains(&fault), "{}", heard.text);
    }
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
}

#[tokio::test]
async fn half_sent_bodies_hold_no_permit() {
    let server = Server::with(|settings| settings.max_requests_in_flight = 2).await;
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
        server.address
    );
    let mut half_sent = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        half_sent.push(stream);
    }
    // The same over HTTP/2, where one connection carries many.
    let client = client_builder().http2_prior_knowledge().build().unwrap();
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let begun = futures_util::stream::once(async { Ok::<_, std::io::Error>("{".to_owned()) });
        let body = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
        let request = client
            .post(format!("http://{}/v1/orders", server.address))
            .header("content-type", "application/json")
            .body(Body::wrap_stream(body));
        streams.spawn(request.send());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        let answer = send(server.post_request("/v1/orders", ORDER)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}
