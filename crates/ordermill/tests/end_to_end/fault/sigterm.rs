//! SIGTERM under load with every kind of stream open: the process drains within its deadline, exits with 0, loses
//! nothing and tells its watchers; a second SIGTERM stops it at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::process::{Binary, StoreAt};
use super::run::Run;

/// How long a process may take beyond its drain's deadline.
const MARGIN: Duration = Duration::from_secs(5);

/// What a watcher has seen: the versions of each order, and where to go on.
#[derive(Debug, Default)]
struct Watched {
    versions: BTreeMap<String, Vec<u64>>,
    cursor: Option<String>,
    was_resynced: bool,
}

impl Watched {
    fn note(&mut self, change: &serde_json::Value) {
        let id = change["order_id"]
            .as_str()
            .or_else(|| change["id"].as_str());
        if let (Some(id), Some(version)) = (id, change["version"].as_u64()) {
            self.versions
                .entry(id.to_owned())
                .or_default()
                .push(version);
        }
    }
}

/// Reads a stream of server-sent events to its end.
async fn watch_sse(address: SocketAddr, mut watched: Watched) -> Watched {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a plain client can be built");
    let mut request = client.get(format!("http://{address}/v1/stream"));
    if let Some(cursor) = &watched.cursor {
        request = request.header("last-event-id", cursor);
    }
    let mut stream = request
        .send()
        .await
        .expect("the stream opens")
        .bytes_stream();
    let mut text = String::new();
    while let Some(Ok(bytes)) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            for line in event.lines() {
                if let Some(id) = line.strip_prefix("id:") {
                    watched.cursor = Some(id.trim().to_owned());
                } else if line.trim() == "event: resync" {
                    watched.was_resynced = true;
                } else if let Some(data) = line.strip_prefix("data:") {
                    watched.note(&serde_json::from_str(data.trim()).unwrap_or_default());
                }
            }
        }
    }
    watched
}

/// Reads a WebSocket to its end; its close code.
async fn watch_socket(address: SocketAddr) -> Option<u16> {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws"))
        .await
        .expect("the WebSocket opens");
    let all = Message::text(r#"{"subscribe": {"all": true}}"#);
    socket.send(all).await.expect("a command can be sent");
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            return frame.map(|frame| frame.code.into());
        }
    }
    None
}

/// A client that never finishes its request's head.
async fn half_a_request(address: SocketAddr) {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the process accepts");
    stream
        .write_all(b"POST /v1/orders HTTP/1.1\r\nHost: localh")
        .await
        .expect("a few bytes can be sent");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_drains_exits_with_0_and_loses_nothing() {
    let mut run = Run::begin().await;
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(8);
    let address = server.address;
    let (mut streams, mut sockets, mut others) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for _ in 0..4 {
        streams.spawn(watch_sse(address, Watched::default()));
        sockets.spawn(watch_socket(address));
        others.spawn(half_a_request(address));
    }
    load.acknowledge(300, Duration::from_secs(30)).await;

    let told = Instant::now();
    server.terminate();
    run.fired("SIGTERM");
    let status = server.wait(setup.drain + MARGIN).await;
    let took = told.elapsed();
    println!("ended {took:?} after SIGTERM");
    // Nothing had to be cut off: the half-sent heads were not waited for.
    assert!(took < setup.drain, "{took:?}");
    assert_eq!(status.code(), Some(0), "{}", server.last_words());

    // Everyone was told: the streams ended, the sockets were closed with a code for going away or trying again.
    let codes = timeout(MARGIN, sockets.join_all())
        .await
        .expect("all sockets ended");
    for code in codes {
        assert!(
            matches!(code, Some(1001 | 1012 | 1013)),
            "closed with {code:?}"
        );
    }
    let mut watched = timeout(MARGIN, streams.join_all())
        .await
        .expect("all streams ended");
    timeout(MARGIN, others.join_all())
        .await
        .expect("all connections ended");

    // A watcher goes on where it was and misses nothing.
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let first = watched.pop().expect("there were four");
    let mut resumed = JoinSet::new();
    resumed.spawn(watch_sse(server.address, first));
    load.acknowledge(50, Duration::from_secs(30)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    // What is pushed last may still be on its way.
    sleep(Duration::from_millis(500)).await;
    server.kill().await;
    let first = resumed
        .join_next()
        .await
        .expect("one")
        .expect("it does not panic");
    assert!(!first.was_resynced, "nothing was too old to be resumed");
    assert_watched_everything(&first, &verdict.readback);
}

/// From the first version that it saw of an order on, each once or more, and none left out.
fn assert_watched_everything(watched: &Watched, readback: &super::readback::ReadBack) {
    assert!(
        watched.versions.len() > 50,
        "{} orders were watched",
        watched.versions.len()
    );
    for (id, versions) in &watched.versions {
        let kept = &readback.kept[id];
        let first = versions.iter().min().expect("at least one");
        let expected: Vec<u64> = (*first..=kept.order.version).collect();
        let mut seen = versions.clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, expected, "the versions of {id} that a watcher saw");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_stops_at_once_and_loses_nothing() {
    let mut run = Run::begin().await;
    // Work that would keep the drain busy for long.
    run.endpoint.answer_after(Duration::from_secs(8));
    let mut setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    setup.handler_timeout = Duration::from_secs(20);
    setup.drain = Duration::from_secs(15);
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let client = http_client();
    let mut dice = Dice::new(88);
    for number in 0..30 {
        let facts = Facts::draw(format!("twice-{number}"), &mut dice);
        let key = Some(format!("key-twice-{number}"));
        assert!(matches!(run.ask(&client, facts, key).await, Outcome::Ok(_)));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while run.endpoint.calls() == 0 {
        assert!(Instant::now() < deadline, "nothing is being worked on");
        sleep(Duration::from_millis(10)).await;
    }
    server.terminate();
    run.fired("SIGTERM");
    sleep(Duration::from_millis(1500)).await;
    assert!(server.has_ended().is_none(), "there was nothing to drain");
    server.terminate();
    run.fired("a second SIGTERM");
    server.wait(Duration::from_secs(1)).await;

    run.endpoint.answer_after(Duration::ZERO);
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    run.judge_recorded(&Expectations::default())
        .await
        .assert_kept();
    drop(server);
}
