//! A client that keeps hundreds of connections open locks no other client out.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep};

use crate::raw::{PATIENCE, listen};
use crate::server::Server;

/// Opens `count` connections that send `bytes` and keep open.
async fn hold(server: &Server, count: usize, bytes: &str) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = server.connect_from("127.0.0.2").await;
        // The server may have refused it already.
        let _ = stream.write_all(bytes.as_bytes()).await;
        held.push(stream);
    }
    held
}

/// A good client of another address, on a connection of its own.
async fn is_served(server: &Server) {
    let mut stream = server.connect_from("127.0.0.1").await;
    let request = format!(
        "GET /livez HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let heard = listen(&mut stream, PATIENCE).await;
    assert_eq!(heard.status(), 200, "{}", heard.text);
}

/// As 6,700 connections of one address did with the default of 10,000.
#[tokio::test]
async fn kept_and_half_sent_and_streaming_connections_of_one_address_lock_no_other_out() {
    let requests = [
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: loc",
        "",
        // These are in flight, and never given up.
        "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ];
    for request in requests {
        let server = Server::with(|settings| {
            settings.max_connections = 200;
            settings.tuning.write_timeout = Duration::from_millis(200);
        })
        .await;
        let mut held = hold(&server, 300, request).await;
        for _ in 0..20 {
            is_served(&server).await;
        }
        sleep(Duration::from_millis(100)).await;
        held.extend(hold(&server, 50, request).await);
        for _ in 0..20 {
            is_served(&server).await;
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_holds_as_many_connections_as_there_may_be() {
    let server = Server::with(|settings| {
        settings.max_connections = 100;
        settings.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
        settings.tuning.write_timeout = Duration::from_millis(200);
    })
    .await;
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = hold(&server, 99, request).await;
    sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        is_served(&server).await;
    }
    for stream in &mut held {
        let heard = listen(stream, Duration::from_millis(5)).await;
        assert!(!heard.was_closed, "a connection of the proxy was closed");
    }
}
