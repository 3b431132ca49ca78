//! Clients that ask for long lists and read nothing hold no more memory than the budget, are cut off, and keep nobody from being
//! served.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::raw::PATIENCE;
use crate::server::Server;

const BUDGET: usize = 4 * 1024 * 1024;
const WRITE_TIMEOUT: Duration = Duration::from_millis(1_500);
const LIST: &str = "/v1/orders?limit=20";

/// A server whose list is half a megabyte long.
async fn server() -> Server {
    let server = Server::with(|settings| {
        settings.max_answers_bytes = BUDGET;
        settings.tuning.write_timeout = WRITE_TIMEOUT;
    })
    .await;
    let name = "n".repeat(200);
    let line = format!(r#"{{"product_name":"{name}","quantity":1,"total":1}}"#);
    let lines = vec![line; 100].join(",");
    for _ in 0..20 {
        let order = format!(r#"{{"user_id":"a","lines":[{lines}]}}"#);
        server.place(&order).await;
    }
    server
}

/// Places and reads orders until nothing is held any more; the most that was held.
async fn serve_meanwhile(server: &Server) -> usize {
    let begun = Instant::now();
    let mut most = 0;
    loop {
        let held = server.answer_bytes();
        most = most.max(held);
        let order = server.place(r#"{"user_id":"b","amount":1}"#).await;
        let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        assert_eq!(server.get(&path).await.status, 200);
        if held == 0 && begun.elapsed() > WRITE_TIMEOUT {
            return most;
        }
        assert!(begun.elapsed() < PATIENCE, "{held} bytes are still held");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_http1_clients_that_read_nothing() {
    let server = server().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut stream = server.connect_from("127.0.0.2").await;
        // Several at once, so that the buffers of the sockets do not take them all.
        let request = format!("GET {LIST} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(16);
        stream.write_all(request.as_bytes()).await.unwrap();
        clients.push(stream);
    }
    let most = serve_meanwhile(&server).await;
    assert!(
        (BUDGET / 2..=BUDGET).contains(&most),
        "{most} bytes were held"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_http2_clients_without_a_window() {
    let server = server().await;
    let mut clients = JoinSet::new();
    let mut heads = Vec::new();
    for _ in 0..3 {
        let stream = server.connect_from("127.0.0.2").await;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0);
        let (mut requests, mut connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        let mut pings = connection.ping_pong().unwrap();
        clients.spawn(async move {
            // Pings are no progress.
            let pinging = async {
                while pings.ping(h2::Ping::opaque()).await.is_ok() {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            let _ = tokio::join!(connection, pinging);
        });
        for _ in 0..90 {
            requests = requests.ready().await.unwrap();
            let request = Request::get(format!("http://localhost{LIST}"))
                .body(())
                .unwrap();
            heads.push(requests.send_request(request, true).unwrap().0);
        }
    }
    let most = serve_meanwhile(&server).await;
    assert!(
        (BUDGET / 2..=BUDGET).contains(&most),
        "{most} bytes were held"
    );
    let (mut taken, mut refused) = (0, 0);
    for head in heads {
        // The stream of one that was taken may have been reset since.
        match head.await.map(|head| head.status()) {
            Ok(StatusCode::OK) | Err(_) => taken += 1,
            Ok(StatusCode::SERVICE_UNAVAILABLE) => refused += 1,
            Ok(status) => panic!("{status}"),
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}
