//! Nobody's failures stop anybody else, with a real endpoint on each store: bad orders ahead of good ones, in each way in
//! which an endpoint fails. The rules are tested at length, with a clock turned by hand, in the crate `worker`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "a test measures real time")]

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::endpoint::{Bad, Endpoint};
use crate::fault::parts::Postgres;
use crate::server::{ORDERMILL, Server, wait_until};

const KINDS: [Bad; 4] = [
    Bad::Answer(("404 Not Found", "{}")),
    Bad::Answer(("503 Service Unavailable", "{}")),
    Bad::Drop,
    Bad::Hang,
];

/// How many orders, and how long one case may take.
struct Size {
    bad: usize,
    good: usize,
    limit: Duration,
}

fn size() -> Size {
    if std::env::var_os("ORDERMILL_LONG").is_some() {
        Size {
            bad: 50,
            good: 40,
            limit: Duration::from_secs(90),
        }
    } else {
        Size {
            bad: 10,
            good: 5,
            // Five seconds on a usual machine.
            limit: Duration::from_secs(45),
        }
    }
}

/// A server whose calls of the endpoint time out after half a second.
fn server_of(endpoint: &Endpoint, store: &[String]) -> Server {
    let mut command = Command::new(ORDERMILL);
    command.args(["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
    command.args(endpoint.settings());
    let worker = [
        "handler.timeout=500ms",
        "worker.max_attempts=3",
        "worker.backoff_first=200ms",
        "worker.backoff_last=400ms",
    ];
    for set in worker.into_iter().chain(store.iter().map(String::as_str)) {
        command.args(["--set", set]);
    }
    Server::start_as(&mut command)
}

fn count(server: &Server, status: &str) -> u64 {
    server.json("/v1/stats")[status].as_u64().unwrap()
}

/// Bad orders of as many customers first, then good ones, one after the other: each good order is processed at once, and the
/// bad ones become dead letters.
fn good_orders_pass_bad_ones(bad: Bad, store: &[String]) {
    let size = size();
    let endpoint = Endpoint::failing(bad);
    let server = server_of(&endpoint, store);
    let begun = Instant::now();
    for number in 0..size.bad {
        // Half of them of one customer.
        server.place(&format!("bad-{}", number.min(size.bad / 2)));
    }
    let mut good = 0;
    while good < size.good as u64 || count(&server, "failed") < size.bad as u64 {
        let waited = begun.elapsed();
        assert!(waited < size.limit, "{bad:?}: {}", server.json("/v1/stats"));
        let placed = Instant::now();
        let id = server.place(&format!("good-{}", good % 7));
        good += 1;
        wait_until("a good order is processed", || {
            server.json(&format!("/v1/orders/{id}"))["status"] == "PROCESSED"
        });
        let waited = placed.elapsed();
        assert!(waited < Duration::from_secs(5), "{bad:?}: {waited:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
    let dead = server.json("/v1/dead-letters");
    for order in dead["data"].as_array().unwrap() {
        assert_eq!(order["attempt"], 3, "{order}");
    }
    let stats = server.json("/v1/stats");
    assert_eq!(stats["processed"], Value::from(good), "{stats}");
}

/// Every kind at the same time: they mostly wait.
fn every_kind(store_of: impl Fn(usize) -> Vec<String> + Sync) {
    std::thread::scope(|threads| {
        for (number, bad) in KINDS.into_iter().enumerate() {
            let store = store_of(number);
            threads.spawn(move || good_orders_pass_bad_ones(bad, &store));
        }
    });
}

#[test]
fn bad_orders_stop_no_good_ones_on_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    every_kind(|number| {
        let data = folder.path().join(number.to_string());
        vec![format!("store.data_dir={}", data.display())]
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_orders_stop_no_good_ones_on_postgresql() {
    let postgres = Postgres::start().await;
    let schemas: Vec<String> = (0..KINDS.len())
        .map(|number| format!("kind_{number}"))
        .collect();
    let dsn = postgres.dsn.clone();
    let ran = tokio::task::spawn_blocking(move || {
        let joint = if dsn.contains('?') { '&' } else { '?' };
        for schema in &schemas {
            let made = Command::new("psql")
                .args([&dsn, "-qc", &format!("CREATE SCHEMA {schema}")])
                .status();
            assert!(made.unwrap().success());
        }
        every_kind(|number| {
            let dsn = format!("{dsn}{joint}options=-c%20search_path%3D{}", schemas[number]);
            vec![
                "store.kind=postgres".to_owned(),
                format!("store.shards={:?}", [dsn]),
            ]
        });
    });
    ran.await.unwrap();
}
