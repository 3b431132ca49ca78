//! Nothing holds the server up: many clients at a time are served, and clients that read nothing cost a bounded memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::time::Instant;

use crate::server::{Server, http_client};

/// What the process holds in memory now, in bytes.
fn resident_bytes(server: &Server) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.expect("Linux counts in kB");
    kilobytes.parse::<usize>().expect("a number") * 1024
}

/// A connection that has sent this.
fn sent(server: &Server, request: &str) -> TcpStream {
    let host = server
        .url
        .strip_prefix("http://")
        .expect("an address of HTTP");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .expect("a timeout above zero");
    stream
        .write_all(request.as_bytes())
        .expect("the server takes a head");
    stream
}

#[test]
fn ten_thousand_requests_at_a_time_are_served() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the maximum a process may raise it");
    // As many as the system allows to the test, which has other files open, and to the server.
    let files = limit.maximum.unwrap_or(u64::MAX);
    let count = usize::try_from(files / 2).unwrap_or(usize::MAX).min(10_000);
    let folder = tempfile::tempdir().expect("a folder");
    // All of them come from one address, which may hold any share only below four fifths of the limit.
    let bound = |setting: &str| format!("{setting}={}", count + count / 10 * 3);
    let settings = ["http.max_connections", "http.max_in_flight", "store.queue"].map(bound);
    let mut flags = vec!["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    for setting in &settings {
        flags.extend(["--set", setting]);
    }
    flags.extend(["--set", "http.request_timeout=60s"]);
    // Its descriptors are for connections over HTTP alone.
    flags.extend(["--set", "grpc.addr="]);
    let server = Server::start_with(folder.path(), &flags);
    let body = r#"{"user_id":"a","amount":1}"#;
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // All connections are open, with all but the last byte sent, before the first request is complete.
    let (begin, end) = request.split_at(request.len() - 1);
    let mut streams: Vec<_> = (0..count).map(|_| sent(&server, begin)).collect();
    for stream in &mut streams {
        stream
            .write_all(end.as_bytes())
            .expect("the last byte is taken");
    }
    for stream in &mut streams {
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer comes");
        assert_eq!(head, *b"HTTP/1.1 201");
    }
}

#[tokio::test]
async fn lists_that_a_hundred_clients_do_not_read_take_a_bounded_memory() {
    const BUDGET: usize = 4 * 1024 * 1024;
    /// For the making of lists, the buffers of connections, and what the allocator keeps.
    const BESIDE: usize = 32 * 1024 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let budget = format!("http.max_answers_bytes={BUDGET}");
    let flags = [
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "",
        "--set",
        &budget,
        // A client that got nothing but refusals has nothing to take: its connection is idle.
        "--set",
        "http.idle_timeout=5s",
    ];
    let server = Server::start_with(folder.path(), &flags);
    let client = http_client();
    let orders = format!("{}/v1/orders", server.url);
    let line = json!({"product_name": "n".repeat(200), "quantity": 1, "total": 1});
    let order = json!({"user_id": "a", "lines": vec![line; 100]}).to_string();
    let place = async |body: String| {
        let request = client
            .post(&orders)
            .header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("an answer comes");
        assert_eq!(answer.status(), 201);
    };
    for _ in 0..20 {
        place(order.clone()).await;
    }
    let list = client
        .get(format!("{orders}?user_id=a&limit=20"))
        .send()
        .await
        .expect("an answer comes");
    let list_bytes = list.bytes().await.expect("the whole list comes").len();
    assert!(list_bytes > 400_000, "{list_bytes}");
    let before = resident_bytes(&server);
    let request =
        "GET /v1/orders?user_id=a&limit=20 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(16);
    let begun = Instant::now();
    let streams: Vec<_> = (0..100).map(|_| sent(&server, &request)).collect();
    let mut most = 0;
    while begun.elapsed() < Duration::from_secs(5) {
        most = most.max(resident_bytes(&server));
        place(r#"{"user_id":"b","amount":1}"#.to_owned()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let grown = most.saturating_sub(before);
    assert!(
        grown < BUDGET + BESIDE,
        "{grown} bytes for 100 lists of {list_bytes}"
    );
    // Each is cut off after 10 s, or closed because it is idle: what its kernel has is what it gets.
    let mut buffer = vec![0; 1 << 20];
    std::thread::sleep(Duration::from_secs(15).saturating_sub(begun.elapsed()));
    for mut stream in streams {
        while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
    }
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    // On a connection of its own: the one from before is idle since long.
    let request = http_client()
        .post(&orders)
        .header("content-type", "application/json");
    let answer = request.body(order).send().await.expect("an answer comes");
    assert_eq!(answer.status(), 201);
}
