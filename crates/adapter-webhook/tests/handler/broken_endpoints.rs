//! Endpoints that are away, hang, or do not speak HTTP: each is retried, as a fault of the endpoint.

use std::time::Duration;

use adapter_webhook::{HttpHandler, HttpHandlerSettings};
use application::ports::{FaultScope, OrderHandler as _, Outcome};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::servers::{
    code_and_scope, handler, message, order, read_request, serve_connections, settings, with,
};

/// A handler that waits one second for an answer.
fn impatient(url: String) -> HttpHandler {
    with(&HttpHandlerSettings {
        timeout: Duration::from_secs(1),
        ..settings(url)
    })
}

fn fault(code: &str) -> (String, FaultScope) {
    (code.to_owned(), FaultScope::Endpoint)
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unreachable() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/secret-path", unused.local_addr().unwrap());
    drop(unused);
    let outcome = handler(gone).handle(&order()).await;
    assert_eq!(
        code_and_scope(outcome.clone()),
        fault("endpoint_unreachable")
    );
    let message = message(outcome);
    assert!(message.contains("refused"), "{message}");
    assert!(!message.contains("secret-path"), "{message}");
}

#[tokio::test]
async fn an_endpoint_that_accepts_no_connection_in_time_is_unreachable() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Fill the backlog, until the kernel answers no more.
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 100, "the backlog has no end");
    }
    let handler = with(&HttpHandlerSettings {
        connect_timeout: Duration::from_millis(300),
        timeout: Duration::from_secs(30),
        ..settings(format!("http://{address}"))
    });
    let outcome = handler.handle(&order()).await;
    assert_eq!(code_and_scope(outcome), fault("endpoint_unreachable"));
}

#[tokio::test]
async fn an_endpoint_that_hangs_up_breaks_the_connection() {
    // Closing with unread bytes and no linger is a reset.
    let reset = |stream: TcpStream| async move {
        stream.readable().await.unwrap();
        stream.set_zero_linger().unwrap();
    };
    let (url, _server) = serve_connections(reset).await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(code_and_scope(outcome), fault("connection_broken"));

    let half = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\"")
            .await;
    };
    let (url, _server) = serve_connections(half).await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(code_and_scope(outcome), fault("connection_broken"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_speak_http_breaks_the_connection() {
    for garbage in [
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 999999 Wat\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
    ] {
        let (url, _server) = serve_connections(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(garbage.as_bytes()).await;
        })
        .await;
        let outcome = handler(url).handle(&order()).await;
        let found = code_and_scope(outcome);
        assert_eq!(found, fault("connection_broken"), "{garbage:?}");
    }
    let (url, _server) = serve_connections(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        // Headers without an end are cut off by the client's own bound, or by its time-out.
        while stream
            .write_all(b"x-filler: 0123456789012345678901234567890123456789\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let outcome = impatient(url).handle(&order()).await;
    assert_eq!(code_and_scope(outcome).1, FaultScope::Endpoint);
}

#[tokio::test]
async fn an_endpoint_that_hangs_or_drips_is_left_after_the_time_out() {
    let hang = |stream: TcpStream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    };
    let drip = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    for (url, _server) in [serve_connections(hang).await, serve_connections(drip).await] {
        let handler = impatient(url);
        let begun = tokio::time::Instant::now();
        let outcome = handler.handle(&order()).await;
        assert_eq!(code_and_scope(outcome), fault("timeout"));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[tokio::test]
async fn an_endless_result_is_dropped_and_the_order_is_done() {
    let endless = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"")
            .await;
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
    };
    let (url, _server) = serve_connections(endless).await;
    let outcome = handler(url).handle(&order()).await;
    assert_eq!(outcome, Outcome::Done { result: None });
}
