//! The circuit breaker as an operator sees it: `/health` and `/v1/stats` show its state from the endpoint's fall to its
//! return, and how late the orders are that wait meanwhile.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use serde_json::Value;

use crate::endpoint::{DONE, Endpoint};
use crate::server::{Server, wait_until};

const FLAGS: [&str; 4] = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];

/// A server before `endpoint`, with these settings.
fn server(folder: &tempfile::TempDir, endpoint: &Endpoint, settings: &[&str]) -> Server {
    let handler = endpoint.settings();
    let mut flags = FLAGS.to_vec();
    flags.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
    flags.extend(handler.iter().map(String::as_str));
    Server::start_with(folder.path(), &flags)
}

/// The codes of the reasons of a body, of `/health` or `/v1/stats`.
fn reasons(body: &Value) -> Vec<&str> {
    let reasons = body["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

#[test]
fn health_tells_that_the_breaker_opens_and_that_it_closes_again() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::answering(("500 Internal Server Error", "{}"));
    let server = server(
        &folder,
        &endpoint,
        &[
            "worker.breaker_faults=2",
            "worker.breaker_open=100ms",
            "worker.backoff_first=10ms",
            "worker.max_attempts=3",
        ],
    );
    let health = server.json("/health");
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["breaker"]["state"], "closed", "nothing was called");
    assert_eq!(health["breaker"]["next_probe_ms"], Value::Null);

    for user in ["alice", "bob", "carol"] {
        server.ok(&["place", "--user", user, "--amount", "1"]);
    }
    wait_until("the breaker's opening", || {
        server.json("/health")["breaker"]["state"] == "open"
    });
    let health = server.json("/health");
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(reasons(&health), ["breaker_open"]);
    let opened_at = health["breaker"]["since"].clone();
    assert!(
        health["breaker"]["consecutive_faults"].as_u64().unwrap() >= 2,
        "{health}"
    );
    // Probes fail: it stays open, and no order pays for them with its attempts.
    let calls = endpoint.calls();
    wait_until("probes", || {
        let stats = server.json("/v1/stats");
        assert_eq!(stats["breaker"]["state"], "open", "{stats}");
        assert_eq!(stats["breaker"]["since"], opened_at, "{stats}");
        assert!(stats["breaker"]["next_probe_ms"].is_u64(), "{stats}");
        assert_eq!(stats["degraded"], true);
        assert_eq!(reasons(&stats), ["breaker_open"]);
        endpoint.calls() >= calls + 3
    });
    let stats = server.json("/v1/stats");
    assert_eq!(
        (&stats["in_flight"], &stats["failed"]),
        (&3.into(), &0.into()),
        "{stats}"
    );

    endpoint.answers(DONE);
    wait_until("the breaker's closing", || {
        server.json("/health")["breaker"]["state"] == "closed"
    });
    wait_until("the work's end", || {
        server.json("/v1/stats")["processed"] == 3
    });
    let stats = server.json("/v1/stats");
    assert_eq!(stats["degraded"], false, "{stats}");
    assert_eq!(stats["oldest_due_age_ms"], Value::Null);
    assert_eq!(stats["breaker"]["consecutive_faults"], 0);
    assert_eq!(server.json("/health")["status"], "healthy");
}

#[test]
fn orders_that_wait_longer_than_they_may_degrade_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        &FLAGS[..],
        &[
            "--set",
            "worker.enabled=false",
            "--set",
            "health.late_after=50ms",
        ],
    ]
    .concat();
    let server = Server::start_with(folder.path(), &flags);
    assert_eq!(server.json("/health")["status"], "healthy");
    server.ok(&["place", "--user", "alice", "--amount", "1"]);
    wait_until("the order to be late", || {
        server.json("/health")["status"] == "degraded"
    });
    let health = server.json("/health");
    assert_eq!(reasons(&health), ["work_is_late"]);
    assert!(health["oldest_due_age_ms"].as_u64().unwrap() >= 50);
    assert_eq!(health["handler"], Value::Null, "no worker runs here");
    assert_eq!(server.json("/readyz")["status"], "ready");
}

#[test]
fn health_has_no_breaker_and_says_so_if_the_work_calls_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &FLAGS);
    let health = server.json("/health");
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["breaker"], Value::Null);
    assert_eq!(health["handler"]["kind"], "none");
    let note = health["handler"]["note"].as_str().unwrap();
    assert!(
        note.contains("count as processed without calling anybody"),
        "{note}"
    );
    assert_eq!(server.json("/v1/stats")["breaker"], Value::Null);
}
