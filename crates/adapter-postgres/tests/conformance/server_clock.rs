//! Work that is due at a time follows the server's wall clock, wherever it is set and whatever restarts in between.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::time::Duration;

use application::ports::{ClaimLimits, OrderStore};
use domain::{OrderId, ShardId};
use port_conformance::order_store::sample;

use crate::orders::{keyed, now, written};
use crate::own_server::OwnServer;
use crate::server::{PATIENCE, Process, options};

const SHARD: ShardId = ShardId(0);
const HOUR: Duration = Duration::from_secs(3_600);

async fn claimed(process: &Process) -> Vec<OrderId> {
    let claimed = process
        .store
        .claim(SHARD, ClaimLimits::any(10), PATIENCE)
        .await
        .unwrap();
    claimed.iter().map(|order| order.id).collect()
}

/// Places an order that is not to be processed before an hour has passed on the machine's clock.
async fn placed(process: &Process, user: &str) -> OrderId {
    let later = sample::later(user, 100, now().saturating_add(HOUR));
    written(&process.store, keyed(&later, "k")).await.id
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_due_when_the_servers_clock_says_so() {
    let server = OwnServer::start_with_clock();
    let shards = [server.address().to_owned()];
    let process = Process::on(&shards).await;
    let first = placed(&process, "alice").await;
    assert_eq!(claimed(&process).await, []);
    let due = process.store.next_due(SHARD).await.unwrap().any_lane();
    let due = due.unwrap();
    assert!(due <= HOUR && due > HOUR - PATIENCE, "{due:?}");

    server.set_clock(2 * 3_600);
    assert_eq!(claimed(&process).await, [first]);
    // The time that was asked for has passed on this server, and has not after the clock is set back.
    let second = placed(&process, "bob").await;
    let due = process.store.next_due(SHARD).await.unwrap().any_lane();
    assert_eq!(due, Some(Duration::ZERO));
    server.set_clock(-3_600);
    assert_eq!(claimed(&process).await, []);
    let due = process.store.next_due(SHARD).await.unwrap().any_lane();
    assert!(due.unwrap() > HOUR, "{due:?}");

    process.store.close().await;
    server.parts("stop", Some("immediate"));
    server.parts("start", None);
    let process = Process::start(options(&shards)).await.unwrap();
    assert_eq!(claimed(&process).await, []);
    server.set_clock(2 * 3_600);
    assert_eq!(claimed(&process).await, [second]);
}
