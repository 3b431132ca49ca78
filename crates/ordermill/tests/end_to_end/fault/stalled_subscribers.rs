//! A thousand subscribers that take nothing: their cost is bounded, nobody else notices, each is cut, and with the last
//! cursor that it got each could go on where it was.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::load::http_client;
use super::process::{Binary, Server, StoreAt};
use super::run::Run;
use super::watching::{Watcher, present_cursor};

const SUBSCRIBERS: usize = 1_000;
/// Three changes each: more than waits for a subscriber together with what its connection takes.
const ORDERS: usize = 24_000;
const ORDERS_A_BATCH: usize = 4_000;
/// A thousand queues of as many changes would be gigabytes if each subscriber had its own copy.
const GROWS_AT_MOST: u64 = 192 * 1024 * 1024;
/// A subscriber that takes nothing is cut within this time: the server's patience and a busy machine's.
const CUT_WITHIN: Duration = Duration::from_secs(120);

const WEBSOCKET: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const EVENT_STREAM: &str = "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A connection that takes little and is not read.
async fn stalled(address: SocketAddr, is_socket: bool) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("the process accepts");
    let request = if is_socket { WEBSOCKET } else { EVENT_STREAM };
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a few bytes can be sent");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(
        &head,
        if is_socket {
            b"HTTP/1.1 101"
        } else {
            b"HTTP/1.1 200"
        }
    );
    if is_socket {
        let command = br#"{"subscribe":{"all":true}}"#;
        let mut frame = vec![
            0x81,
            0x80 | u8::try_from(command.len()).expect("a short one"),
            0,
            0,
            0,
            0,
        ];
        frame.extend_from_slice(command);
        stream
            .write_all(&frame)
            .await
            .expect("a few bytes can be sent");
    }
    stream
}

/// History, so that nothing has to be processed: each order brings its three changes at once.
async fn place_history(address: SocketAddr, first: usize) {
    let row = |number: usize| {
        json!({"user_id": format!("user-{}", number % 50), "amount": 1,
               "history": {"status": "PROCESSED", "created_at": "2026-01-31T12:00:00Z"}})
        .to_string()
    };
    let rows: Vec<String> = (first..first + ORDERS_A_BATCH).map(row).collect();
    let answer = http_client()
        .post(format!("http://{address}/v1/orders/batch"))
        .header("content-type", "application/x-ndjson")
        .timeout(Duration::from_secs(60))
        .body(rows.join("\n"))
        .send()
        .await
        .expect("an answer");
    let text = answer.text().await.expect("a whole answer");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        answer["accepted"],
        ORDERS_A_BATCH,
        "{}",
        &text[..text.len().min(500)]
    );
}

fn changes_of(watcher: &Watcher) -> usize {
    watcher.seen().versions.values().map(Vec::len).sum()
}

/// Waits until a watcher has seen every change.
async fn sees(watcher: &Watcher, changes: usize, at_most: Duration) {
    let deadline = Instant::now() + at_most;
    while changes_of(watcher) < changes {
        assert!(
            Instant::now() < deadline,
            "{} of {changes} changes came",
            changes_of(watcher)
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Connections that the process has open.
fn open_connections(server: &Server) -> usize {
    server
        .open_files()
        .iter()
        .filter(|file| file.starts_with("socket:"))
        .count()
}

/// What a connection got whole before it was cut: how many changes, and the cursor behind the last of them.
async fn got(mut stream: TcpStream, is_socket: bool) -> (usize, String) {
    let mut bytes = Vec::new();
    // An end or a reset: it was cut either way.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes);
    let (whole, mark) = if is_socket {
        // A frame ends with its cursor.
        let end = text.rfind("\"}").expect("something came before it was cut");
        (&text[..end], "\"cursor\":\"")
    } else {
        let end = text
            .rfind("\n\n")
            .expect("something came before it was cut");
        (&text[..end], "\nid: ")
    };
    let (_, after) = whole.rsplit_once(mark).expect("each change has a cursor");
    let end = after.find(['"', '\n']).unwrap_or(after.len());
    (
        whole.matches("\"version\":").count(),
        after[..end].to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_subscribers_are_bounded_cut_and_able_to_resume() {
    let run = Run::begin().await;
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let server = setup.start().await;
    let address = server.address;
    let begin = present_cursor(address).await;
    let idle = open_connections(&server);
    let mut subscribers = Vec::new();
    for number in 0..SUBSCRIBERS {
        subscribers.push(stalled(address, number % 2 == 0).await);
    }
    let quick = [Watcher::from(begin.clone()), Watcher::from(begin)];
    let mut watching = JoinSet::new();
    watching.spawn(quick[0].clone().watch_events(address));
    let socket = quick[1].clone();
    watching.spawn(async move {
        socket.watch_socket(address).await;
    });

    let before = server.resident_bytes();
    let mut most = before;
    for first in (0..ORDERS).step_by(ORDERS_A_BATCH) {
        place_history(address, first).await;
        // Whoever reads gets everything meanwhile.
        for watcher in &quick {
            sees(
                watcher,
                (first + ORDERS_A_BATCH) * 3,
                Duration::from_secs(60),
            )
            .await;
        }
        most = most.max(server.resident_bytes());
    }
    let deadline = Instant::now() + CUT_WITHIN;
    while open_connections(&server) > idle + quick.len() {
        assert!(
            Instant::now() < deadline,
            "{} connections are still open, {idle} were before",
            open_connections(&server)
        );
        most = most.max(server.resident_bytes());
        sleep(Duration::from_millis(100)).await;
    }
    let grown = most - before;
    println!("grew by {} MiB", grown >> 20);
    assert!(grown < GROWS_AT_MOST, "grew by {} MiB", grown >> 20);
    for watcher in &quick {
        assert_eq!(changes_of(watcher), ORDERS * 3, "each change came once");
        assert!(!watcher.seen().was_resynced);
    }

    // Some of each kind go on where they were, and get exactly the rest.
    for (number, stream) in subscribers.into_iter().enumerate().take(6) {
        let is_socket = number % 2 == 0;
        let (count, cursor) = got(stream, is_socket).await;
        assert!((1..ORDERS * 3).contains(&count), "it got {count} changes");
        let again = Watcher::from(cursor);
        if is_socket {
            let again = again.clone();
            watching.spawn(async move {
                again.watch_socket(address).await;
            });
        } else {
            watching.spawn(again.clone().watch_events(address));
        }
        sees(&again, ORDERS * 3 - count, Duration::from_secs(30)).await;
        assert!(!again.seen().was_resynced, "nothing was too old");
    }
    drop((watching, server));
}
