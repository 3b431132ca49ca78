//! Idle connections: they end after their timeout, and no address locks others out with them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::server::{PATIENCE, Server, is_closed};

const REQUEST: &str = "GET /10 HTTP/1.1\r\nHost: a\r\n\r\n";

/// Ticks of an eighth of it: connections settle quickly.
fn quick(listening: &mut edge_listener::Listening) {
    listening.max_connections = 200;
    listening.write_timeout = Duration::from_millis(200);
}

async fn answered(stream: &mut TcpStream) -> bool {
    stream.write_all(REQUEST.as_bytes()).await.is_ok()
        && timeout(PATIENCE, stream.read(&mut [0; 1024]))
            .await
            .is_ok_and(|read| read.is_ok_and(|bytes| bytes > 0))
}

#[tokio::test]
async fn three_hundred_kept_connections_of_one_address_lock_no_other_out() {
    let server = Server::start(quick).await;
    let mut kept = Vec::new();
    for _ in 0..300 {
        let mut stream = server.connect_from("127.0.0.2").await;
        answered(&mut stream).await;
        kept.push(stream);
    }
    for _ in 0..50 {
        assert_eq!(server.good_client().await, (200, 1000));
    }
    // The good client keeps its connections, too, and is still served while the other one goes on.
    let mut good = Vec::new();
    for _ in 0..50 {
        kept.push(server.connect_from("127.0.0.2").await);
        let mut stream = server.connect_from("127.0.0.1").await;
        assert!(answered(&mut stream).await);
        good.push(stream);
        sleep(Duration::from_millis(10)).await;
    }
    for stream in &mut good {
        assert!(
            answered(stream).await,
            "a connection of a light client was ended"
        );
    }
}

#[tokio::test]
async fn half_sent_heads_lock_no_client_out() {
    let server = Server::start(quick).await;
    let mut halves = Vec::new();
    for _ in 0..300 {
        let mut stream = server.connect_from("127.0.0.2").await;
        let _ = stream.write_all(&REQUEST.as_bytes()[..20]).await;
        halves.push(stream);
    }
    for _ in 0..50 {
        assert_eq!(server.good_client().await, (200, 1000));
    }
}

#[tokio::test]
async fn connections_with_requests_in_flight_are_not_given_up() {
    let server = Server::start(|listening| {
        quick(listening);
        listening.max_connections = 40;
    })
    .await;
    let mut waiting = Vec::new();
    for _ in 0..38 {
        let mut stream = server.connect_from("127.0.0.2").await;
        let request = b"GET /wait/1500 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        waiting.push(stream);
    }
    sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        assert_eq!(server.good_client().await, (200, 1000));
        let mut refused = server.connect_from("127.0.0.2").await;
        assert!(is_closed(&mut refused).await);
    }
    for mut stream in waiting {
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.ends_with("waited"), "{answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_timeout_and_a_used_one_does_not() {
    let server = Server::start(|listening| {
        listening.idle_timeout = Duration::from_millis(400);
    })
    .await;
    let mut idle = server.connect_from("127.0.0.1").await;
    let mut used = server.connect_from("127.0.0.1").await;
    for _ in 0..8 {
        assert!(answered(&mut used).await);
        sleep(Duration::from_millis(100)).await;
    }
    let ends = timeout(Duration::from_millis(100), is_closed(&mut idle));
    assert!(ends.await.is_ok_and(|is_closed| is_closed));
    assert!(answered(&mut used).await);
    assert!(is_closed(&mut used).await);
}

#[tokio::test]
async fn an_http2_client_that_does_not_answer_is_cut_after_the_idle_timeout() {
    let server = Server::start(|listening| {
        listening.idle_timeout = Duration::from_millis(200);
    })
    .await;
    // The preface and empty settings, and never an answer to the PING that comes with GOAWAY.
    let mut stream = server.connect_from("127.0.0.1").await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface).await.unwrap();
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once_and_answers_requests() {
    let server = Server::start(|_| {}).await;
    let mut idle = server.connect_from("127.0.0.1").await;
    assert!(answered(&mut idle).await);
    let mut half = server.connect_from("127.0.0.1").await;
    half.write_all(&REQUEST.as_bytes()[..20]).await.unwrap();
    let mut waiting = server.connect_from("127.0.0.1").await;
    let request = b"GET /wait/300 HTTP/1.1\r\nHost: a\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let report = server.stop().await;
    assert_eq!((report.connections, report.cut_off), (3, 0));
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("waited"), "{answer}");
    assert!(is_closed(&mut idle).await && is_closed(&mut half).await);
}
