//! What an operator does with the program: shows it to somebody, and starts it where something is not as it should be.
//! How dead letters are looked after is in [`crate::dead_letters`].
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::fault::parts::Postgres;
use crate::server::{Server, ordermill, run, wait_until};

/// Each line as JSON.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_demonstration_feeds_real_orders_in_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ordermill();
    command.args([
        "serve",
        "--demo",
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "",
    ]);
    let mut server = Server::start_as(command.current_dir(folder.path()));
    wait_until("orders are worked off", || {
        server
            .ok(&["list", "--status", "PROCESSED", "--json"])
            .lines()
            .count()
            > 5
    });
    let orders = lines(&server.ok(&["list", "--json"]));
    assert!(
        orders
            .iter()
            .all(|order| order["external_id"].is_string() && order["currency"] == "GBP")
    );
    let made: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(made, ["ordermill-demo-data"]);
    assert_eq!(server.terminate(), Some(0));
}

fn serve(data_dir: &Path, more: &[&str]) -> Output {
    let always = ["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    let at = ["--data-dir", data_dir.to_str().unwrap()];
    let at = if more.contains(&"store.kind=postgres") {
        &[][..]
    } else {
        &at
    };
    run(&[&always, at, more].concat())
}

/// One line that holds all of these.
fn assert_says(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let last = said.lines().filter(|line| line.starts_with("ordermill:"));
    assert_eq!(last.count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_exit_1_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer");
    Server::start(&newer).terminate();
    let database = rusqlite::Connection::open(newer.join("orders.db")).unwrap();
    let future = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
        SELECT 99, 'of_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    database.execute(future, []).unwrap();
    drop(database);
    assert_says(&serve(&newer, &[]), 1, &["99", "newer"]);

    let away = [
        "--set",
        "store.kind=postgres",
        "--set",
        "store.shards=[\"postgres://u:s3cret@127.0.0.1:1/orders\"]",
        "--set",
        "store.start_timeout=1s",
    ];
    let output = serve(folder.path(), &away);
    assert_says(&output, 1, &["shard 0"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"));
    assert_says(&run(&[&["migrate"], &away[..]].concat()), 1, &["shard 0"]);
}

#[test]
fn a_connection_that_takes_too_long_names_the_setting_that_says_how_long() {
    let folder = tempfile::tempdir().unwrap();
    // The system takes connections for it, and nobody ever answers on them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let shard = format!(
        "store.shards=[\"postgres://u@{}/orders\"]",
        silent.local_addr().unwrap()
    );
    let slow = [
        "--set",
        "store.kind=postgres",
        "--set",
        &shard,
        "--set",
        "store.connect_timeout=300ms",
        "--set",
        "store.start_timeout=1s",
    ];
    let words = [
        "shard 0",
        "no connection within 300 ms",
        "store.connect_timeout",
    ];
    assert_says(&serve(folder.path(), &slow), 1, &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_every_shard_is_brought_up_to_date_before_a_start() {
    let servers = [Postgres::start().await, Postgres::start().await];
    let shards = format!(
        "store.shards=[\"{}\",\"{}\"]",
        servers[0].dsn, servers[1].dsn
    );
    let migrate = ["migrate", "--set", "store.kind=postgres", "--set", &shards];
    for _ in 0..2 {
        let output = run(&migrate);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "the schema of 2 shards is up to date\n"
        );
    }
}

#[test]
fn what_cannot_be_configured_is_exit_78_with_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    for (more, part) in [
        (
            &["--config", "/nowhere/ordermill.toml"][..],
            "/nowhere/ordermill.toml",
        ),
        (&["--set", "store.queue=many"], "store.queue"),
        (
            &["--set", "store.shards=[\"postgres://localhost/a\"]"],
            "store.shards",
        ),
        (&["--set", "handler.kind=http"], "handler.kind"),
        (&["--set", "http.max_conections=5"], "max_connections"),
    ] {
        assert_says(&serve(folder.path(), more), 78, &[part]);
    }
}

#[test]
fn every_combination_that_cannot_work_is_refused_by_its_setting() {
    const TWO: [&str; 2] = [
        "store.kind=postgres",
        "store.shards=[\"postgres://a/a\",\"postgres://b/b\"]",
    ];
    let on_two = |map: &'static str| [&TWO[..], &[map]].concat();
    for (settings, named) in [
        (on_two("store.map=ranges:0-2047=0,2048-4095=1"), None),
        (on_two("store.map=letter"), None),
        (
            on_two("store.map=ranges:0-2047=0,2049-4095=1"),
            Some("store.map"),
        ),
        (
            on_two("store.map=ranges:0-2047=0,2047-4095=1"),
            Some("store.map"),
        ),
        (
            on_two("store.map=ranges:0-2047=0,2048-4094=1"),
            Some("store.map"),
        ),
        (
            on_two("store.map=ranges:0-2047=0,2048-4096=1"),
            Some("store.map"),
        ),
        (
            on_two("store.map=ranges:0-2047=0,2048-4095=2"),
            Some("store.map"),
        ),
        (on_two("store.map=ranges:4095-0=0"), Some("store.map")),
        (on_two("store.map=halves"), Some("store.map")),
        (on_two("store.data_dir=x"), Some("store.data_dir")),
        (vec!["store.kind=postgres"], Some("store.shards")),
        (vec!["store.map=letter"], Some("store.map")),
        (vec!["store.data_dir="], Some("store.data_dir")),
        (
            vec!["http.addr=127.0.0.1:9000", "http.ws_addr=127.0.0.1:9000"],
            Some("http.ws_addr"),
        ),
        (vec!["http.addr=0.0.0.0:9000"], Some("http.addr")),
        (vec!["http.addr=0.0.0.0:9000", "auth.mode=none"], None),
        (
            vec!["http.max_bodies_bytes=1000"],
            Some("http.max_bodies_bytes"),
        ),
        (
            vec!["http.max_batch_bytes=1000"],
            Some("http.max_body_bytes"),
        ),
        (
            vec!["http.max_batch_bytes=500000000"],
            Some("http.max_batch_bytes"),
        ),
        (vec!["handler.url=http://localhost/x"], Some("handler.url")),
        (
            vec!["handler.kind=http", "handler.url=ftp://localhost"],
            Some("handler.url"),
        ),
        (vec!["receipts.store=folder"], Some("receipts.store")),
        (vec!["receipts.folder=x"], Some("receipts.folder")),
        (
            vec!["worker.backoff_first=10m"],
            Some("worker.backoff_first"),
        ),
        (vec!["worker.lease=500ms"], Some("worker.lease")),
        (
            vec!["worker.enabled=false", "handler.kind=none"],
            Some("worker.enabled"),
        ),
        (vec!["store.batch=0"], Some("store.batch")),
        (
            vec!["http.request_timeout=0s"],
            Some("http.request_timeout"),
        ),
        (vec!["log.level=loud"], Some("log.level")),
        (vec!["log.level=info,worker=loud"], Some("log.level")),
        (vec!["log.level=info,worker=debug"], None),
    ] {
        let sets: Vec<&str> = settings.iter().flat_map(|set| ["--set", *set]).collect();
        let output = run(&[&["config", "check"], &sets[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let Some(named) = named else {
            assert!(output.status.success(), "{settings:?}: {said}");
            continue;
        };
        assert_eq!(output.status.code(), Some(78), "{settings:?}: {said}");
        assert!(said.contains(named), "{settings:?}: {said}");
    }
}

#[test]
fn a_migration_makes_the_schema_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let setting = format!("store.data_dir={}", folder.path().join("data").display());
    for _ in 0..2 {
        let output = run(&["migrate", "--set", &setting]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
    assert!(folder.path().join("data/orders.db").exists());
}

#[test]
fn requests_that_succeed_are_in_the_log_where_it_is_asked_for() {
    for (asked, expected) in [("true", 2), ("false", 0)] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = ordermill();
        command
            .args(["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""])
            .args(["--set", &format!("log.requests={asked}"), "--data-dir"])
            .arg(folder.path().join("data"))
            .stderr(fs::File::create(&log).unwrap());
        let mut server = Server::start_as(&mut command);
        for number in ["1", "2"] {
            server.ok(&["place", "--user", "alice", "--amount", number]);
        }
        assert_eq!(server.terminate(), Some(0));
        let log = fs::read_to_string(&log).unwrap();
        let is_placing = |line: &&str| line.contains("/v1/orders") && line.contains("status=201");
        assert_eq!(log.lines().filter(is_placing).count(), expected, "{log}");
    }
}
