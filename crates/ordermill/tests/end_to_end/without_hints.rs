//! Two servers on one PostgreSQL that tell each other of no commit: each finds the other's work and changes by its slow
//! scan.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::fault::parts::Postgres;
use crate::server::{Server, ordermill};

/// Slow scans come every second; the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(60);

fn server_without_notify(postgres: &Postgres, worker: bool) -> Server {
    let mut command = ordermill();
    command.args(["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
    for set in [
        "store.kind=postgres",
        &format!("store.shards={:?}", [&postgres.dsn]),
        "store.notify=false",
        &format!("worker.enabled={worker}"),
    ] {
        command.args(["--set", set]);
    }
    Server::start_as(&mut command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notify_work_and_changes_of_another_process_are_found_in_bounded_time() {
    let postgres = Postgres::start().await;
    let followed = spawn_blocking(move || {
        let intake = server_without_notify(&postgres, false);
        let worker = server_without_notify(&postgres, true);
        for user in ["alice", "bob", "carol"] {
            let id = intake.place(user);
            // The watch ends with the change that the other process makes.
            let seen = intake.ok(&["watch", &id, "--until-final"]);
            assert!(seen.contains("PROCESSED"), "{seen}");
            assert!(worker.ok(&["get", &id]).contains("PROCESSED"));
        }
    });
    timeout(BOUND, followed)
        .await
        .expect("the slow scans find everything")
        .unwrap();
}
