//! The dialects through the whole program: environment names, the separate WebSocket port, receipts in a folder, and
//! orderflow's two shards on two databases.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs::File;
use std::process::Output;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::fault::parts::Postgres;
use crate::server::{Server, http_client, ordermill, wait_until};

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let client = http_client();
    let request = client.post(format!("{}{path}", server.url));
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = http_client()
        .get(format!("{}{path}", server.url))
        .send()
        .await
        .unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

fn with_environment(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = ordermill();
    command.args(arguments);
    command.envs(environment.iter().copied());
    command.output().unwrap()
}

#[test]
fn environment_names_of_other_systems_set_and_say_what_they_can() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("HTTP_PORT", "0"),
        ("WORKER_COUNT", "7"),
        ("MAX_RETRIES", "3"),
        ("KAFKA_BROKERS", "localhost:9092"),
        ("BATCH_SIZE", ""),
        ("ORDERMILL__HTTP__WS_ADDR", ""),
    ];
    let log = folder.path().join("log");
    let mut command = ordermill();
    command
        .args(["serve", "--data-dir"])
        .arg(folder.path().join("data"));
    command
        .envs(environment)
        .stderr(File::create(&log).unwrap());
    let mut server = Server::start_as(&mut command);
    assert!(
        server.url.starts_with("http://127.0.0.1:"),
        "{}",
        server.url
    );
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    for line in [
        "HTTP_PORT sets http.addr",
        "WORKER_COUNT sets worker.concurrency",
        "MAX_RETRIES sets worker.max_attempts",
        "KAFKA_BROKERS has no effect: Kafka is not connected",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    assert!(!log.contains("BATCH_SIZE"), "{log}");

    let shown = with_environment(&["config", "show"], &environment);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let has = |start: &str, end: &str| {
        let is_it = |line: &str| line.starts_with(start) && line.ends_with(end);
        assert!(
            shown.lines().any(is_it),
            "{start} ... {end} is not in {shown}"
        );
    };
    has("http.addr = \"127.0.0.1:0\"", "# HTTP_PORT");
    has("worker.max_attempts = 4", "# MAX_RETRIES");
    has("worker.concurrency = 7", "# WORKER_COUNT");
    has("store.batch = 1024", "# default");
    has("# KAFKA_BROKERS has no effect", "connected");
}

#[test]
fn environment_names_that_disagree_stop_the_start_and_secrets_stay_hidden() {
    let disagree = with_environment(&["serve"], &[("PORT", "9001"), ("HTTP_PORT", "9002")]);
    assert_eq!(disagree.status.code(), Some(78));
    let text = String::from_utf8(disagree.stderr).unwrap();
    assert!(
        text.contains("PORT and HTTP_PORT") && text.lines().count() == 1,
        "{text}"
    );
    let shards = [
        ("PG_SHARD1_DSN", "postgres://u:s3cret@one/orders"),
        ("PG_SHARD2_DSN", "postgres://u:s3cret@two/orders"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ];
    let shown = with_environment(&["config", "show"], &shards);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("postgres://u:***@two/orders"), "{shown}");
    assert!(shown.contains("# PG_SHARD1_DSN, PG_SHARD2_DSN"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_ordersystem_places_an_order_and_hears_of_it_on_the_separate_port() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = ["--http-addr", "127.0.0.1:0", "--ws-addr", "127.0.0.1:0"];
    let server = Server::start_with(folder.path(), &addresses);
    let (status, order) = post(
        &server,
        "/orders",
        &json!({"user_id": "alice", "amount": 19.98}),
    )
    .await;
    assert_eq!(status, 201);
    let id = order["order_id"].as_str().unwrap();
    let mut request = server
        .ws_url
        .as_deref()
        .unwrap()
        .into_client_request()
        .unwrap();
    let origin = "http://localhost:3000".parse().unwrap();
    request.headers_mut().insert("origin", origin);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text(id)).await.unwrap();
    let said = socket.next().await.unwrap().unwrap();
    let said: Value = serde_json::from_str(said.to_text().unwrap()).unwrap();
    assert_eq!(said, json!({"order_id": id, "status": "PROCESSED"}));
    assert_eq!(
        get(&server, &format!("/orders/{id}")).await["status"],
        "PROCESSED"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_orderflow_lies_in_the_folder_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let receipts = folder.path().join("bucket");
    let setting = format!("receipts.folder={}", receipts.display());
    let flags = [
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "",
        "--set",
        "receipts.store=folder",
    ];
    let server = Server::start_with(
        &folder.path().join("data"),
        &[&flags[..], &["--set", &setting]].concat(),
    );
    let body = json!({"user_id": "émile", "product_name": "Café ☕", "quantity": 2, "price": 2.5});
    let (status, placed) = post(&server, "/api/orders", &body).await;
    assert_eq!(status, 201);
    let file = receipts.join(placed["receipt"].as_str().unwrap());
    wait_until("the receipt", || file.exists());
    let text = std::fs::read_to_string(&file).unwrap();
    for line in [
        "User ID:     émile",
        "Shard:       shard2",
        "Unit Price:  $2.50",
        "Total:       $5.00",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in {text}"
        );
    }
    let listed = get(&server, "/api/orders?user_id=%C3%A9mile").await;
    assert_eq!(listed["orders"][0]["receipt_s3_key"], placed["receipt"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_databases_of_orderflow_hold_the_users_of_their_letters() {
    let (first, second) = (Postgres::start().await, Postgres::start().await);
    let serve = |shards: &[(&str, &str)]| {
        let mut command = ordermill();
        command.args(["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
        command.envs(shards.iter().copied());
        Server::start_as(&mut command)
    };
    let users = ["alice", "Mia", "nora", "42", "émile"];
    let mut server = serve(&[
        ("PG_SHARD1_DSN", &first.dsn),
        ("PG_SHARD2_DSN", &second.dsn),
    ]);
    for user in users {
        let body = json!({"user_id": user, "product_name": "Mug", "quantity": 1, "price": 5});
        let (status, placed) = post(&server, "/api/orders", &body).await;
        assert_eq!(status, 201);
        let is_first = ["alice", "Mia"].contains(&user);
        assert_eq!(placed["shard"], if is_first { "shard1" } else { "shard2" });
    }
    // Shard 1 before shard 2, newest first in each.
    let listed = get(&server, "/api/orders").await;
    let of: Vec<&str> = (listed["orders"].as_array().unwrap().iter())
        .map(|order| order["user_id"].as_str().unwrap())
        .collect();
    assert_eq!(of[..2], ["Mia", "alice"]);
    assert_eq!(of.len(), 5);
    wait_until("every order", || {
        let list = server.ok(&["list", "--status", "processed", "--json"]);
        users
            .iter()
            .all(|user| list.contains(&format!("\"user_id\":\"{user}\"")))
    });
    assert_eq!(server.terminate(), Some(0));
    // Swapped, the map that is written into each database refuses the start.
    let swapped = [
        ("PG_SHARD1_DSN", second.dsn.as_str()),
        ("PG_SHARD2_DSN", &first.dsn),
    ];
    let refused = with_environment(
        &["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""],
        &swapped,
    );
    assert_eq!(refused.status.code(), Some(1));
}
