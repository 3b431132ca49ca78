//! The circuit breaker as an operator sees it: `/health` says how it stands, from the endpoint's fall to its return.

use serde_json::Value;

use crate::endpoint::{DONE, Endpoint};
use crate::server::{Server, wait_until};

const FLAGS: [&str; 4] = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];

/// What `/health` says of the breaker; the server itself is well all the time.
fn breaker(server: &Server) -> Value {
    let health = server.json("/health");
    assert_eq!(health["status"], "healthy", "{health}");
    health["breaker"].clone()
}

#[test]
fn health_tells_that_the_breaker_opens_and_that_it_closes_again() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::answering(("503 Service Unavailable", "{}"));
    let handler = endpoint.settings();
    let mut flags = [
        "--set",
        "worker.breaker_faults=2",
        "--set",
        "worker.breaker_open=100ms",
        "--set",
        "worker.backoff_first=10ms",
        "--set",
        "worker.max_attempts=3",
    ]
    .to_vec();
    flags.extend(FLAGS);
    flags.extend(handler.iter().map(String::as_str));
    let server = Server::start_with(folder.path(), &flags);
    assert_eq!(breaker(&server), "closed", "nothing was called yet");

    for user in ["alice", "bob", "carol"] {
        server.ok(&["place", "--user", user, "--amount", "1"]);
    }
    wait_until("the breaker's opening", || breaker(&server) == "open");
    // Probes fail: it stays away from closed, and no order pays for them with its attempts.
    let calls = endpoint.calls();
    wait_until("probes", || {
        let standing = breaker(&server);
        assert!(standing == "open" || standing == "half-open", "{standing}");
        endpoint.calls() >= calls + 3
    });
    let stats = server.json("/v1/stats");
    assert_eq!(
        (&stats["in_flight"], &stats["failed"]),
        (&3.into(), &0.into()),
        "{stats}"
    );

    endpoint.answers(DONE);
    wait_until("the breaker's closing", || breaker(&server) == "closed");
    wait_until("the work's end", || {
        server.json("/v1/stats")["processed"] == 3
    });
    assert_eq!(breaker(&server), "closed");
}

#[test]
fn health_has_no_breaker_where_the_work_calls_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &FLAGS);
    assert_eq!(breaker(&server), Value::Null);
}
