//! The `http` handler against real servers on the loopback interface: axum for what a server would answer, bare
//! sockets for what none should.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use adapter_webhook::{HttpHandler, HttpHandlerSettings};
use application::ports::{FaultScope, OrderHandler, Outcome};
use application::system::{ManualClock, SystemClock};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{any, post};
use domain::{
    Currency, Money, Order, OrderId, ReceiptForm, Source, Status, Timestamp, UserId, Version,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn order() -> Order {
    let created_at = Timestamp::parse("2026-01-31T12:00:00.000Z").unwrap();
    let user_id = UserId::new("alice \u{202e}\"é").unwrap();
    Order {
        id: OrderId::new(created_at, &user_id, 7),
        external_id: None,
        user_id,
        source: Source::Api,
        amount: Money::new(29_998, Currency::USD).unwrap(),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        created_at,
        receipt: ReceiptForm::default(),
        status: Status::Processing,
        version: Version::from_number(4).unwrap(),
        attempt: 3,
        operator_commands: 0,
        failure: None,
        retry_at: None,
        busy_since: None,
        work_done: false,
        result: None,
        receipt_key: None,
        updated_at: created_at,
    }
}

fn handler(url: String) -> HttpHandler {
    let settings = HttpHandlerSettings {
        url,
        secret: Some(SECRET.to_owned()),
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_millis(700),
        ..HttpHandlerSettings::default()
    };
    HttpHandler::new(&settings, Arc::new(SystemClock::new())).unwrap()
}

/// A server that lives as long as the returned set.
async fn serve(router: Router) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}

/// A server that does `with` to each connection once a request has begun to arrive.
async fn serve_bare<F>(with: impl Fn(TcpStream) -> F + Send + 'static) -> (String, JoinSet<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            connections.spawn(with(stream));
        }
    });
    (url, server)
}

/// Answers `/422` with status 422 and so on, with a JSON body.
fn statuses() -> Router {
    let answer = |Path(status): Path<u16>| async move {
        let mut response = Response::new(Body::from(r#"{"message":"as the test wants"}"#));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
            .headers_mut()
            .insert("location", "/200".parse().unwrap());
        response
            .headers_mut()
            .insert("retry-after", "7".parse().unwrap());
        response
    };
    Router::new().route("/{status}", any(answer))
}

fn code_and_blame(outcome: Outcome) -> (String, FaultScope) {
    match outcome {
        Outcome::Retry { failure, scope, .. } => (failure.code.to_string(), scope),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_row_of_the_outcome_table() {
    let (url, _server) = serve(statuses()).await;
    for status in [200, 201, 202] {
        let outcome = handler(format!("{url}/{status}")).handle(&order()).await;
        let result = Some(Arc::from(r#"{"message":"as the test wants"}"#));
        assert_eq!(outcome, Outcome::Done { result }, "{status}");
    }
    let no_content = handler(format!("{url}/204")).handle(&order()).await;
    assert_eq!(no_content, Outcome::Done { result: None });
    for status in [400, 402, 406, 409, 410, 415, 418, 422, 451] {
        match handler(format!("{url}/{status}")).handle(&order()).await {
            Outcome::Rejected(failure) => {
                assert_eq!(&*failure.code, "handler_rejected", "{status}");
                assert!(
                    failure.message.ends_with("as the test wants"),
                    "{}",
                    failure.message
                );
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    for (status, code, expected) in [
        (301, "endpoint_misconfigured", FaultScope::Endpoint),
        (302, "endpoint_misconfigured", FaultScope::Endpoint),
        (307, "endpoint_misconfigured", FaultScope::Endpoint),
        (308, "endpoint_misconfigured", FaultScope::Endpoint),
        (401, "endpoint_misconfigured", FaultScope::Endpoint),
        (403, "endpoint_misconfigured", FaultScope::Endpoint),
        (404, "endpoint_misconfigured", FaultScope::Endpoint),
        (405, "endpoint_misconfigured", FaultScope::Endpoint),
        (408, "endpoint_busy", FaultScope::Unclear),
        (425, "endpoint_busy", FaultScope::Order),
        (429, "endpoint_busy", FaultScope::Order),
        (500, "endpoint_failed", FaultScope::Unclear),
        (501, "endpoint_failed", FaultScope::Unclear),
        (502, "endpoint_unavailable", FaultScope::Endpoint),
        (503, "endpoint_unavailable", FaultScope::Endpoint),
        (504, "endpoint_unavailable", FaultScope::Endpoint),
    ] {
        match handler(format!("{url}/{status}")).handle(&order()).await {
            Outcome::Retry {
                failure,
                after,
                scope,
            } => {
                assert_eq!((&*failure.code, scope), (code, expected), "{status}");
                assert_eq!(after, Some(Duration::from_secs(7)), "{status}");
                assert!(
                    failure.message.starts_with(&status.to_string()),
                    "{}",
                    failure.message
                );
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_call_carries_the_order_its_key_and_a_signature_that_verifies() {
    let (requests, mut received) = mpsc::channel(1);
    let keep = move |headers: HeaderMap, body: Bytes| async move {
        requests.send((headers, body)).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let (url, _server) = serve(Router::new().route("/orders", post(keep))).await;
    let order = order();
    handler(format!("{url}/orders")).handle(&order).await;
    let (headers, body) = received.recv().await.unwrap();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("idempotency-key"), order.id.to_string());
    assert_eq!(header("webhook-id"), order.id.to_string());
    assert_eq!(header("ordermill-attempt"), "3");
    assert_eq!(header("content-type"), "application/json");
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    verifier.verify(&body, &headers).unwrap();
    assert!(verifier.verify(b"{}", &headers).is_err());
    let mut expected = Vec::new();
    application::order_json::write_order(&order, &mut expected);
    assert_eq!(body, expected);
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["user_id"], order.user_id.as_str());
    assert!(
        std::str::from_utf8(&body)
            .unwrap()
            .contains(r#""amount":299.98,"#)
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (hits, mut received) = mpsc::channel(4);
    let away = || async { (StatusCode::TEMPORARY_REDIRECT, [("location", "/trap")]) };
    let trap = move || async move { hits.send(()).await.unwrap() };
    let (url, _server) = serve(
        Router::new()
            .route("/away", any(away))
            .route("/trap", any(trap)),
    )
    .await;
    let outcome = handler(format!("{url}/away")).handle(&order()).await;
    assert_eq!(code_and_blame(outcome).1, FaultScope::Endpoint);
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_date_in_retry_after_counts_from_the_clock() {
    let answer = || async {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "Sat, 31 Jan 2026 12:01:30 GMT")],
        )
    };
    let (url, _server) = serve(Router::new().route("/", any(answer))).await;
    let settings = HttpHandlerSettings {
        url,
        ..HttpHandlerSettings::default()
    };
    let clock = ManualClock::at(Timestamp::parse("2026-01-31T12:00:00Z").unwrap());
    let handler = HttpHandler::new(&settings, Arc::new(clock)).unwrap();
    match handler.handle(&order()).await {
        Outcome::Retry { after, .. } => assert_eq!(after, Some(Duration::from_secs(90))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_or_hangs_up_is_to_blame() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let outcome = handler(gone).handle(&order()).await;
    assert_eq!(
        code_and_blame(outcome),
        ("endpoint_unreachable".to_owned(), FaultScope::Endpoint)
    );

    // Closing with unread bytes and no linger is a reset.
    let (url, _server) = serve_bare(|stream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(
        code_and_blame(outcome),
        ("connection_broken".to_owned(), FaultScope::Endpoint)
    );

    let half = |mut stream: TcpStream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\"")
            .await;
    };
    let (url, _server) = serve_bare(half).await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(
        code_and_blame(outcome),
        ("connection_broken".to_owned(), FaultScope::Endpoint)
    );
}

#[tokio::test]
async fn an_endpoint_that_talks_no_http_is_to_blame() {
    for garbage in [
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 999999 Wat\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
    ] {
        let (url, _server) = serve_bare(move |mut stream| async move {
            let _ = stream.write_all(garbage.as_bytes()).await;
        })
        .await;
        let (code, scope) = code_and_blame(handler(url).handle(&order()).await);
        assert_eq!(
            (code.as_str(), scope),
            ("connection_broken", FaultScope::Endpoint),
            "{garbage:?}"
        );
    }
    let (url, _server) = serve_bare(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        // Headers without an end are cut off by the client's own bound, or by its time-out.
        while stream
            .write_all(b"x-filler: 0123456789012345678901234567890123456789\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(code_and_blame(outcome).1, FaultScope::Endpoint);
}

#[tokio::test]
async fn an_endpoint_that_hangs_or_drips_is_left_after_the_time_out() {
    let hang = |stream: TcpStream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    };
    let drip = |mut stream: TcpStream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    for (url, _server) in [serve_bare(hang).await, serve_bare(drip).await] {
        let begun = tokio::time::Instant::now();
        let outcome = handler(url).handle(&order()).await;
        assert_eq!(
            code_and_blame(outcome),
            ("timeout".to_owned(), FaultScope::Endpoint)
        );
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_huge_body_is_not_read_to_its_end() {
    let endless = |mut stream: TcpStream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"")
            .await;
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
    };
    let (url, _server) = serve_bare(endless).await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(outcome, Outcome::Done { result: None });
    let rejected = || async { (StatusCode::UNPROCESSABLE_ENTITY, "no ".repeat(1_000_000)) };
    let (url, _server) = serve(Router::new().route("/", any(rejected))).await;
    match handler(url).handle(&order()).await {
        Outcome::Rejected(failure) => {
            assert!(failure.message.len() < 1000, "{}", failure.message.len())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let (peers, mut received) = mpsc::channel(32);
    let keep = move |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<
        std::net::SocketAddr,
    >| async move {
        peers.send(peer).await.unwrap();
    };
    let router = Router::new().route("/", any(keep));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    server.spawn(async move { axum::serve(listener, service).await.unwrap() });
    let handler = handler(url);
    let mut ports = std::collections::HashSet::new();
    for _ in 0..10 {
        handler.handle(&order()).await;
        ports.insert(received.recv().await.unwrap());
    }
    assert_eq!(ports.len(), 1);
}
