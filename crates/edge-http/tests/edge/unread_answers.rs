//! Clients that ask for long lists and read nothing hold no more memory than the budget, are cut off, and other clients
//! are served.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::raw::PATIENCE;
use crate::server::{Server, client_builder};

const BUDGET: usize = 1024 * 1024;
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);
const LIST: &str = "/v1/orders?user_id=a&limit=4";

/// A server whose list is a hundred kilobytes long.
async fn server() -> Server {
    let server = Server::with(|settings| {
        settings.max_answers_bytes = BUDGET;
        settings.tuning.write_timeout = WRITE_TIMEOUT;
    })
    .await;
    let name = "n".repeat(200);
    let line = format!(r#"{{"product_name":"{name}","quantity":1,"total":1}}"#);
    let lines = vec![line; 100].join(",");
    for _ in 0..4 {
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
        let read = server.get(&path).await;
        assert_eq!(read.status, 200, "{read:?}");
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
        let request = format!("GET {LIST} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(4);
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
async fn three_http2_clients_whose_windows_are_closed() {
    let server = server().await;
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        let client = client_builder()
            .http2_prior_knowledge()
            .http2_initial_stream_window_size(0)
            .build()
            .unwrap();
        for _ in 0..90 {
            let request = client.get(format!("http://{}{LIST}", server.address));
            clients.spawn(async move {
                // The head comes; of the body nothing can be sent.
                let answer = request.send().await;
                std::future::pending::<()>().await;
                drop(answer);
            });
        }
    }
    let most = serve_meanwhile(&server).await;
    assert!(
        (BUDGET / 2..=BUDGET).contains(&most),
        "{most} bytes were held"
    );
}
