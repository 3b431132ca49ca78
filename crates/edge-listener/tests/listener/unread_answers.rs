//! Clients that ask for much and take nothing: what the answers hold stays within the budget, the clients are cut off, and
//! others are served.

use std::time::Duration;

use bytes::Bytes;
use edge_listener::Listening;
use h2::client::SendRequest;
use http::{Request, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::server::{PATIENCE, Server, is_closed};

const BUDGET: usize = 8 * 1024 * 1024;
const WRITE_TIMEOUT: Duration = Duration::from_millis(800);

fn quick(listening: &mut Listening) {
    listening.write_timeout = WRITE_TIMEOUT;
}

/// An HTTP/2 connection whose streams have windows of `window` bytes. It pings all the time, which is no progress.
async fn http2(server: &Server, window: u32, clients: &mut JoinSet<()>) -> SendRequest<Bytes> {
    let stream = server.connect_from("127.0.0.2").await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (requests, mut connection) = builder.handshake(stream).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    clients.spawn(async move {
        let pinging = async {
            while pings.ping(h2::Ping::opaque()).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::join!(connection, pinging);
    });
    requests
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a{path}")).body(()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_http1_clients_that_read_nothing_hold_no_more_than_the_budget() {
    let server = Server::with_budget(BUDGET, quick).await;
    let mut unread = Vec::new();
    for _ in 0..100 {
        let mut stream = server.connect_from("127.0.0.2").await;
        let request = b"GET /4000000 HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.unwrap();
        unread.push(stream);
    }
    let begun = Instant::now();
    let mut most = 0;
    while begun.elapsed() < WRITE_TIMEOUT / 2 {
        most = most.max(server.answers.reserved());
        assert_eq!(server.good_client().await, (200, 1000));
    }
    assert!(
        (4_000_000..=BUDGET).contains(&most),
        "{most} bytes were held"
    );
    server.until_nothing_is_held().await;
    assert!(begun.elapsed() < 3 * WRITE_TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(server.good_client().await, (200, 1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_clients_without_a_window_hold_no_more_than_the_budget() {
    let server = Server::with_budget(BUDGET, quick).await;
    let mut clients = JoinSet::new();
    let mut heads = Vec::new();
    for _ in 0..3 {
        let mut requests = http2(&server, 0, &mut clients).await;
        for _ in 0..80 {
            requests = requests.ready().await.unwrap();
            let (answer, _) = requests.send_request(get("/300000"), true).unwrap();
            heads.push(answer);
        }
    }
    let begun = Instant::now();
    let (mut taken, mut refused, mut answers) = (0, 0, Vec::new());
    for head in heads {
        let answer = head.await.unwrap();
        match answer.status() {
            StatusCode::OK => taken += 1,
            StatusCode::SERVICE_UNAVAILABLE => refused += 1,
            status => panic!("{status}"),
        }
        answers.push(answer.into_body());
        assert!(server.answers.reserved() <= BUDGET);
    }
    // 7 MiB for large answers, of which each takes 300,000 bytes.
    assert!(
        (20..=24).contains(&taken) && refused > 200,
        "{taken} and {refused}"
    );
    assert_eq!(server.good_client().await, (200, 1000));
    server.until_nothing_is_held().await;
    assert!(begun.elapsed() < 4 * WRITE_TIMEOUT, "{:?}", begun.elapsed());
    for mut answer in answers {
        let data = timeout(PATIENCE, answer.data()).await.unwrap();
        assert!(data.is_none_or(|data| data.is_err()));
    }
    assert_eq!(server.good_client().await, (200, 1000));
}

#[tokio::test]
async fn one_stream_that_is_not_read_ends_alone() {
    let server = Server::with_budget(BUDGET, quick).await;
    let mut clients = JoinSet::new();
    let mut requests = http2(&server, 20_000, &mut clients).await;
    let (unread, _) = requests.send_request(get("/300000"), true).unwrap();
    let unread = unread.await.unwrap();
    let begun = Instant::now();
    // The client uses the connection for others all the while.
    while begun.elapsed() < 3 * WRITE_TIMEOUT {
        requests = requests.ready().await.unwrap();
        let (answer, _) = requests.send_request(get("/1000"), true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap().len(), 1000);
        sleep(Duration::from_millis(50)).await;
    }
    let mut body = unread.into_body();
    let mut read = 0;
    let end = loop {
        match timeout(PATIENCE, body.data()).await.unwrap() {
            Some(Ok(data)) => read += data.len(),
            Some(Err(error)) => break error,
            None => panic!("the answer was taken: {read} bytes"),
        }
    };
    assert!(
        end.is_reset() && end.reason() == Some(h2::Reason::CANCEL),
        "{end}"
    );
    assert!(read <= 20_000, "{read}");
    server.until_nothing_is_held().await;
}

#[tokio::test]
async fn an_answer_that_waits_in_the_buffers_of_the_connection_ends_it() {
    let server = Server::with_budget(BUDGET, quick).await;
    let mut clients = JoinSet::new();
    // With a window of one byte HTTP/2 takes the whole answer, and its task ends.
    let mut requests = http2(&server, 1, &mut clients).await;
    let (answer, _) = requests.send_request(get("/1000"), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap().len(), 1);
    assert!(server.answers.reserved() > 1000);
    let end = timeout(PATIENCE, body.data()).await.unwrap();
    assert!(end.is_none_or(|end| end.is_err()));
    server.until_nothing_is_held().await;
    assert!(timeout(PATIENCE, clients.join_next()).await.is_ok());
}

#[tokio::test]
async fn a_client_that_sends_and_never_reads_is_cut() {
    let server = Server::with_budget(BUDGET, quick).await;
    let mut stream = server.connect_from("127.0.0.2").await;
    let request = b"GET /100000 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    stream.write_all(&request).await.unwrap();
    sleep(WRITE_TIMEOUT / 2).await;
    assert!(server.answers.reserved() > 0);
    server.until_nothing_is_held().await;
    assert!(is_closed(&mut stream).await);
}
