//! Stopping: what is under way ends, what is idle closes, what hangs is cut off.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{PATIENCE, listen};
use crate::server::Server;
use port_conformance::faulty::FaultMode;

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;

#[tokio::test]
async fn requests_under_way_are_answered_and_idle_connections_close() {
    let mut server = Server::start().await;
    server.get("/livez").await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    server.store_becomes(FaultMode::Slow(Duration::from_millis(300)));
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.soft.cancel();
    };
    let (placed, ()) = tokio::join!(server.post("/v1/orders", ORDER), stopping);
    assert_eq!(placed.status, 201);
    let report = server.stopped().await;
    assert_eq!(report.cut_off, 0, "{report:?}");
    assert!(report.connections >= 2);
    assert!(listen(&mut idle, PATIENCE).await.was_closed);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn half_sent_requests_are_cut_off_when_the_drain_takes_too_long() {
    let mut server =
        Server::with(|settings| settings.drain_timeout = Duration::from_millis(300)).await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
        server.address
    );
    half.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.soft.cancel();
    let report = server.stopped().await;
    assert_eq!(report.cut_off, 1);
    assert!(listen(&mut half, PATIENCE).await.was_closed);
}

#[tokio::test]
async fn a_hard_stop_does_not_wait() {
    let mut server =
        Server::with(|settings| settings.drain_timeout = Duration::from_secs(60)).await;
    server.store_becomes(FaultMode::Slow(Duration::from_secs(30)));
    let request = format!("GET /v1/stats HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.soft.cancel();
    server.hard.cancel();
    let report = tokio::time::timeout(Duration::from_secs(5), server.stopped())
        .await
        .unwrap();
    assert_eq!(report.cut_off, 1);
}
