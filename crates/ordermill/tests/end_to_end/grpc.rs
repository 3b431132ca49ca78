//! gRPC from the outside: a client that is not ours (grpcio), a server that is killed under its watchers, and the way a
//! server begins and ends.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_service_client::OrderServiceClient;
use proto::ordermill::v1::watch_response::Event;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::server::{Server, free_port, repository, run};

const PATIENCE: Duration = Duration::from_secs(60);

fn start(data_dir: &Path, grpc_addr: &str, sets: &[&str]) -> Server {
    let mut flags = vec![
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "",
        "--grpc-addr",
        grpc_addr,
    ];
    for set in sets {
        flags.extend(["--set", set]);
    }
    Server::start_with(data_dir, &flags)
}

/// The foreign client, about to run a check.
fn foreign_client(server: &Server, check: &str) -> Command {
    let python = repository("scripts/python/.venv/bin/python");
    assert!(
        python.exists(),
        "grpcio is missing: run 'scripts/parts install'"
    );
    let client = repository("crates/ordermill/tests/grpc_client/client.py");
    let address = server.grpc_addr.as_deref().unwrap();
    let mut command = Command::new(python);
    command.arg(client).args([address, check]);
    command
}

/// Runs a check of the foreign client.
fn grpcio(server: &Server, check: &str) {
    let output = foreign_client(server, check).output().unwrap();
    assert!(
        output.status.success() && output.stdout == b"ok\n",
        "{check}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn each_row_of_what_bad_input_gets_holds_for_a_client_that_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "127.0.0.1:0", &["worker.enabled=false"]);
    grpcio(&server, "rows");
}

#[test]
fn what_a_client_stopped_waiting_for_before_its_commit_is_never_there_and_all_else_at_most_once() {
    let folder = tempfile::tempdir().unwrap();
    grpcio(&start(folder.path(), "127.0.0.1:0", &[]), "deadlines");
}

#[test]
fn more_calls_at_a_time_than_there_may_be_are_unavailable_to_a_client_that_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "127.0.0.1:0", &["grpc.max_in_flight=1"]);
    grpcio(&server, "crowd");
}

#[test]
fn a_stopping_server_says_goodbye_to_a_client_that_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path(), "127.0.0.1:0", &[]);
    let mut client = foreign_client(&server, "goodbye");
    let mut client = client
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let watching = lines.next().map(Result::unwrap);
    let ended = (watching.as_deref() == Some("watching")).then(|| server.terminate());
    let last = lines.next().map(Result::unwrap);
    let output = client.wait_with_output().unwrap();
    assert_eq!(
        (ended, last.as_deref(), output.status.success()),
        (Some(Some(0)), Some("ok"), true),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn more_streams_than_there_may_be_are_unavailable_to_a_client_that_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    // Reflection is a stream, too, and lives as long as its client likes.
    let server = start(folder.path(), "127.0.0.1:0", &["http.max_streams=1"]);
    grpcio(&server, "overload");
}

#[test]
fn streams_of_all_kinds_work_for_a_client_that_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    grpcio(&start(folder.path(), "127.0.0.1:0", &[]), "streams");
}

#[test]
fn two_hundred_equal_requests_of_a_client_that_is_not_ours_make_one_order() {
    let folder = tempfile::tempdir().unwrap();
    grpcio(&start(folder.path(), "127.0.0.1:0", &[]), "equal_requests");
}

async fn connect(address: &str) -> OrderServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    loop {
        if let Ok(channel) = endpoint.connect().await {
            return OrderServiceClient::new(channel);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Places orders one after the other, each until it is answered, whatever happens to the server.
async fn place_until(address: String, over: Arc<AtomicBool>) -> Vec<String> {
    let mut ids = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let order = pb::CreateOrderRequest {
            user_id: "watched".to_owned(),
            amount: Some(pb::Money {
                minor_units: 100,
                currency: "USD".to_owned(),
            }),
            idempotency_key: Some(format!("key-{}", ids.len())),
            ..pb::CreateOrderRequest::default()
        };
        loop {
            let mut client = connect(&address).await;
            if let Ok(response) = client.create_order(order.clone()).await {
                ids.push(response.into_inner().order.unwrap().id);
                break;
            }
        }
    }
    ids
}

/// What a watcher has been told, and where it is.
#[derive(Default)]
struct Told {
    versions: BTreeMap<String, Vec<u32>>,
    cursor: String,
    changes: usize,
}

impl Told {
    /// Watches until `enough`, or until the stream breaks.
    async fn watch(&mut self, address: &str, enough: impl Fn(&Self) -> bool) {
        let mut client = connect(address).await;
        let request = pb::WatchOrdersRequest {
            user_id: None,
            cursor: self.cursor.clone(),
        };
        let Ok(changes) = client.watch_orders(request).await else {
            return;
        };
        let mut changes = changes.into_inner();
        while !enough(self) {
            let Ok(Ok(Some(message))) = timeout(PATIENCE, changes.message()).await else {
                return;
            };
            match message.event.unwrap() {
                Event::Change(change) => {
                    let versions = self.versions.entry(change.order_id).or_default();
                    versions.push(change.version);
                    self.cursor = change.cursor;
                    self.changes += 1;
                }
                Event::Position(position) => self.cursor = position.cursor,
                Event::Resync(resync) => panic!("a gap was not filled: {resync:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_of_all_orders_misses_nothing_across_servers_that_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let mut server = start(folder.path(), &address, &[]);
    let mut told = Told::default();
    // Where it begins is told first: from there on nothing may be missed.
    told.watch(&address, |told| !told.cursor.is_empty()).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut placing = JoinSet::new();
    placing.spawn(place_until(address.clone(), Arc::clone(&over)));
    for round in 1..=3 {
        let killed_at = round * 60;
        told.watch(&address, |told| told.changes >= killed_at).await;
        assert!(told.changes >= killed_at, "{} changes came", told.changes);
        server.kill();
        drop(server);
        server = start(folder.path(), &address, &[]);
    }
    over.store(true, Ordering::Relaxed);
    let ids = placing.join_next().await.unwrap().unwrap();
    assert!(ids.len() > 30, "{} orders were placed", ids.len());
    let all_done = |told: &Told| {
        let done = |id: &String| told.versions.get(id).is_some_and(|seen| seen.len() >= 3);
        ids.iter().all(done)
    };
    told.watch(&address, all_done).await;
    assert!(all_done(&told), "every order's changes come");
    for (id, versions) in &told.versions {
        let expected: Vec<u32> = (1..=u32::try_from(versions.len()).unwrap()).collect();
        assert_eq!(versions, &expected, "{id}");
        assert!(ids.contains(id), "{id} was never answered");
    }
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_tells_its_grpc_streams_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path(), "127.0.0.1:0", &[]);
    let address = server.grpc_addr.clone().unwrap();
    let mut client = connect(&address).await;
    let request = pb::WatchOrdersRequest::default();
    let mut changes = client.watch_orders(request).await.unwrap().into_inner();
    assert!(changes.message().await.unwrap().is_some());
    let stopped = tokio::task::spawn_blocking(move || server.terminate());
    let goodbye = timeout(PATIENCE, changes.message())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(goodbye.code(), Code::Unavailable);
    assert!(goodbye.message().contains("about to stop"), "{goodbye:?}");
    assert_eq!(stopped.await.unwrap(), Some(0));
}

#[test]
fn a_taken_port_or_an_open_listener_stops_the_start_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "127.0.0.1:0", &[]);
    let other = tempfile::tempdir().unwrap();
    let serve = |grpc_addr: &str| {
        run(&[
            "serve",
            "--data-dir",
            other.path().to_str().unwrap(),
            "--http-addr",
            "127.0.0.1:0",
            "--ws-addr",
            "",
            "--grpc-addr",
            grpc_addr,
        ])
    };
    let taken = serve(server.grpc_addr.as_deref().unwrap());
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("setting grpc.addr"));
    let open = serve("0.0.0.0:0");
    assert_eq!(open.status.code(), Some(78));
    let said = String::from_utf8_lossy(&open.stderr).into_owned();
    assert!(
        said.contains("grpc.addr") && said.contains("auth.mode"),
        "{said}"
    );
}
