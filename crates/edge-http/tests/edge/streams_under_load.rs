//! Live streams when much happens and clients are slow: no gap, nothing twice, bounded memory.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::Server;
use crate::server::client;
use crate::sockets::{Socket, change};

const ORDERS: usize = 3_000;
/// Created, processing, processed.
const CHANGES: usize = ORDERS * 3;

/// Reads changes until each order has had its three; each version exactly once and in order.
async fn follow(mut socket: Socket, cursor: Option<serde_json::Value>) {
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut count = 0;
    let mut last = cursor;
    while count < CHANGES {
        let frame = socket.next().await;
        let Some((id, version, _)) = change(&frame) else {
            assert!(frame["subscribed"].is_object(), "{frame}");
            continue;
        };
        let before = seen.insert(id, version).unwrap_or(0);
        assert_eq!(version, before + 1, "{frame} after {last:?}");
        last = Some(frame["cursor"].clone());
        count += 1;
    }
    assert_eq!(seen.len(), ORDERS);
}

async fn work(server: &Server) {
    let placing = async {
        for batch in 0..ORDERS / 50 {
            server.place_many(&format!("user-{}", batch % 7), 50).await;
        }
    };
    let working = async {
        let mut done = 0;
        while done < ORDERS {
            done += server.work_off(200).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(placing, working);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_of_every_order_comes_once_and_in_order() {
    let server = Server::streaming(|_, _| {}).await;
    let mut followers = JoinSet::new();
    let mut first = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    let begin = first.next().await["subscribed"]["cursor"].clone();
    followers.spawn(follow(first, None));
    for _ in 0..3 {
        let mut socket = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
        socket.next().await;
        followers.spawn(follow(socket, None));
    }
    let resuming = async {
        // These come while it happens, and must not miss what was before.
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let text = format!(r#"{{"subscribe":{{"all":true,"cursor":{begin}}}}}"#);
            let socket = server.subscribed(&text).await;
            followers.spawn(follow(socket, Some(begin.clone())));
        }
    };
    tokio::join!(work(&server), resuming);
    while let Some(result) = followers.join_next().await {
        result.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_is_cut_and_resumes() {
    let server = Server::streaming(|_, watch| watch.tuning.queued_changes = 500).await;
    let mut slow = server.narrow_socket().await;
    slow.say(r#"{"subscribe":{"all":true}}"#).await;
    slow.next().await;
    // It reads nothing while the kernel's buffers and then its queue fill.
    let placed = 50_000;
    for _ in 0..placed / 500 {
        server.place_many("alice", 500).await;
    }
    let (texts, closing) = slow.closed().await;
    let (code, _) = closing.expect("the reason is told");
    assert_eq!(u16::from(code), 1013);
    let last = texts.last().unwrap()["cursor"].clone();
    let missed = placed - texts.len();
    assert!(missed > 0);
    let text = format!(r#"{{"subscribe":{{"all":true,"cursor":{last}}}}}"#);
    let mut again = server.subscribed(&text).await;
    let mut seqs = 0;
    while seqs < missed {
        again.next_change().await;
        seqs += 1;
    }
    assert!(again.next().await["subscribed"].is_object());
}

/// The resident memory of this process.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

/// A client that subscribes to everything and then takes nothing.
async fn stalled(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let text = br#"{"subscribe":{"all":true}}"#;
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    )
    .into_bytes();
    let length = u8::try_from(text.len()).unwrap();
    request.extend_from_slice(&[0x81, 0x80 | length, 0, 0, 0, 0]);
    request.extend_from_slice(text);
    stream.write_all(&request).await.unwrap();
    // The answer's head; everything after it stays where it is.
    let mut head = [0; 16];
    stream.read_exact(&mut head).await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_subscribers_cost_bounded_memory_and_harm_nobody() {
    let server = Server::streaming(|edge, watch| {
        watch.tuning.queued_changes = 2_000;
        edge.tuning.live.lag_grace = Duration::from_millis(200);
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        clients.push(stalled(&server).await);
    }
    let mut quick = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    quick.next().await;
    let before = resident_bytes();
    let mut most = before;
    let mut placed = 0;
    while server.hub.watchers() > 1 {
        assert!(
            placed < 400_000,
            "{} watchers are left",
            server.hub.watchers()
        );
        server.place_many("alice", 500).await;
        placed += 500;
        for _ in 0..500 {
            quick.next_change().await;
        }
        most = most.max(resident_bytes());
    }
    let grown = (most - before) / (1024 * 1024);
    // 1,000 queues of 2,000 changes of 200 bytes would be 400 MB; the kernel's own buffers are not ours.
    assert!(grown < 100, "grew by {grown} MiB over {placed} orders");
    drop(clients);
}

#[tokio::test]
async fn a_slow_event_stream_ends_and_comes_back_without_a_gap() {
    let server = Server::streaming(|_, watch| watch.tuning.queued_changes = 500).await;
    let client = client();
    let url = format!("http://{}/v1/stream", server.address);
    let slow = client.get(&url).send().await.unwrap();
    let mut placed = 0;
    while server.hub.watchers() > 0 {
        assert!(placed < 400_000, "a client that reads nothing was not cut");
        server.place_many("alice", 500).await;
        placed += 500;
        if placed % 50_000 == 0 {
            break;
        }
    }
    let read = async |response: reqwest::Response, enough: usize| {
        let mut text = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.extend_from_slice(&chunk);
            let text = String::from_utf8_lossy(&text);
            if text.matches("event: status").count() >= enough {
                break;
            }
        }
        String::from_utf8(text).unwrap()
    };
    let text = tokio::time::timeout(Duration::from_secs(60), read(slow, placed))
        .await
        .unwrap();
    let seen = text.matches("event: status").count();
    assert!(seen < placed, "{seen} of {placed}");
    assert!(text.contains(": too slow"), "the stream says why it ends");
    let last = text.rsplit("id: ").next().unwrap().lines().next().unwrap();
    let request = client.get(&url).header("last-event-id", last);
    let again = request.send().await.unwrap();
    let rest = tokio::time::timeout(Duration::from_secs(60), read(again, placed - seen))
        .await
        .unwrap();
    assert_eq!(rest.matches("event: status").count(), placed - seen);
    assert!(!rest.contains("event: resync"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_does_not_hold_up_a_stop() {
    let mut server = Server::streaming(|_, _| {}).await;
    let mut slow = server.narrow_socket().await;
    slow.say(r#"{"subscribe":{"all":true}}"#).await;
    slow.next().await;
    // More than the kernel takes, less than its queue holds.
    for _ in 0..60 {
        server.place_many("alice", 500).await;
    }
    let began = tokio::time::Instant::now();
    let reports = server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8));
    assert!(
        reports.iter().all(|report| report.cut_off == 0),
        "{reports:?}"
    );
}
