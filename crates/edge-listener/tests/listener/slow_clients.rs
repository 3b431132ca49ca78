//! Clients that take their answers slowly, but take them: they are not cut off.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::server::Server;

const WRITE_TIMEOUT: Duration = Duration::from_millis(800);

#[tokio::test]
async fn an_http1_client_that_reads_a_little_now_and_then_gets_everything() {
    const BYTES: usize = 3_000_000;
    let server = Server::start(|listening| listening.write_timeout = WRITE_TIMEOUT).await;
    let mut stream = server.connect_from("127.0.0.1").await;
    let request = format!("GET /{BYTES} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let (mut taken, mut buffer) = (0, vec![0; 60_000]);
    loop {
        sleep(Duration::from_millis(80)).await;
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            bytes => taken += bytes,
        }
    }
    assert!(taken > BYTES, "{taken} of {BYTES} bytes");
    assert!(begun.elapsed() > 3 * WRITE_TIMEOUT, "it was not slow");
}

#[tokio::test]
async fn an_http2_client_that_gives_room_for_a_little_now_and_then_gets_everything() {
    const BYTES: usize = 60_000;
    let server = Server::start(|listening| listening.write_timeout = WRITE_TIMEOUT).await;
    let stream = server.connect_from("127.0.0.1").await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1_000);
    let (mut requests, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
    let mut clients = JoinSet::new();
    clients.spawn(connection);
    let request = Request::get(format!("http://a/{BYTES}")).body(()).unwrap();
    let (answer, _) = requests.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let begun = Instant::now();
    let mut taken = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        taken += data.len();
        // 4 KiB in a quarter of a second.
        sleep(Duration::from_micros(60) * u32::try_from(data.len()).unwrap()).await;
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(taken, BYTES);
    assert!(begun.elapsed() > 3 * WRITE_TIMEOUT, "it was not slow");
}

#[tokio::test]
async fn a_request_that_takes_long_to_answer_is_waited_for() {
    let server = Server::start(|listening| {
        listening.write_timeout = Duration::from_millis(100);
        listening.idle_timeout = Duration::from_millis(100);
    })
    .await;
    let mut stream = server.connect_from("127.0.0.1").await;
    let request = b"GET /wait/800 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("waited"), "{answer}");
}
