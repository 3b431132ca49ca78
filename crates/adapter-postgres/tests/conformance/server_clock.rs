//! The server's wall clock is set: work that is due at a time follows it, work that is due in a while does not, whatever
//! restarts in between.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, OrderWriter as _, WorkQueue as _};
use async_trait::async_trait;
use domain::{Failure, Order, OrderId, ShardId, Timestamp};
use port_conformance::broken::{Fault, assert_suite_catches};
use port_conformance::order_store::{
    OpenStore, StoreFactory, Surroundings, deadline, process_after, sample, stored_delays, write_at,
};

use crate::orders::{keyed, now, written};
use crate::own_server::OwnServer;
use crate::server::{Beside, PATIENCE, Process, fresh_shards_on, options};

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

/// Opens stores of two shards on a server whose clock the suite sets.
struct OnOwnServer(Arc<OwnServer>);

impl OnOwnServer {
    fn start() -> Self {
        Self(Arc::new(OwnServer::start_with_clock()))
    }
}

/// A process on such a store.
struct OnClock {
    process: Process,
    server: Arc<OwnServer>,
}

#[async_trait]
impl StoreFactory for OnOwnServer {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        self.0.set_clock(0);
        let shards = fresh_shards_on(self.0.address(), 2).await;
        Box::new(OnClock {
            process: Process::on(&shards).await,
            server: Arc::clone(&self.0),
        })
    }
}

#[async_trait]
impl OpenStore for OnClock {
    fn surroundings(&self) -> Surroundings {
        self.process.surroundings()
    }

    async fn pass(&self, duration: Duration) {
        self.process.pass(duration).await;
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore> {
        let Self { process, server } = *self;
        process.store.close().await;
        let process = Process::on(process.shards()).await;
        Box::new(Self { process, server })
    }

    fn set_store_clock(&self, to: Timestamp) -> bool {
        let ms = |time: Timestamp| i64::try_from(time.as_millis()).unwrap();
        let ahead_ms = ms(to) - ms(now());
        // A full second, and not before the time.
        self.server.set_clock(ahead_ms.div_euclid(1_000) + 1);
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_ends_although_the_servers_clock_is_set_back() {
    stored_delays::a_delay_ends_although_the_clock_is_set_back(&OnOwnServer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_ends_although_the_servers_clock_is_set_forward() {
    stored_delays::a_delay_ends_although_the_clock_is_set_forward(&OnOwnServer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_ends_in_a_process_that_starts_after_the_servers_clock_was_set_back() {
    stored_delays::a_delay_ends_in_the_next_process(&OnOwnServer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_stays_due_although_the_servers_clock_is_set_back() {
    let server = OnOwnServer::start();
    stored_delays::what_is_due_stays_due_although_the_clock_is_set_back(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_servers_clock_moves_the_time_of_an_order() {
    process_after::a_step_of_the_wall_clock_moves_the_time(&OnOwnServer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_catches_a_delay_by_the_servers_clock() {
    assert_suite_catches(Arc::new(OnOwnServer::start()), Fault::DelayByWallClock).await;
}

/// Sends a claimed order back, due at once.
async fn sent_back(process: &Process, claimed: &Order) {
    let failure = Failure::new("timeout", "said the test");
    let retry = claimed.retry(failure, Duration::ZERO, now()).unwrap();
    written(&process.store, write_at(claimed, retry)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_server_that_restarts_is_looked_at_again() {
    let server = OwnServer::start_with_clock();
    let process = Process::on(&[server.address().to_owned()]).await;
    let fresh = written(&process.store, keyed(&sample::plain("alice", 1), "k")).await;
    let claimed = process.store.claim(SHARD, ClaimLimits::any(1), PATIENCE);
    sent_back(&process, &claimed.await.unwrap()[0]).await;
    server.parts("stop", Some("fast"));
    server.set_clock(-3_600);
    server.parts("start", None);
    let comes = async {
        loop {
            let claimed = process.store.claim(SHARD, ClaimLimits::any(10), PATIENCE);
            match claimed.await {
                Ok(claimed) => break claimed,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let claimed = tokio::time::timeout(PATIENCE, comes).await.unwrap();
    let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
    assert_eq!(ids, [fresh.id], "the first claim gets what was due");
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_of_more_orders_than_are_restarted_at_once_are_restarted_by_a_few_claims() {
    let server = OwnServer::start_with_clock();
    let process = Process::on(&[server.address().to_owned()]).await;
    for thousand in 0..11 {
        let write = |number: u64| keyed(&sample::plain("alice", number), &number.to_string());
        let numbers = thousand * 1_000..(thousand + 1) * 1_000;
        let answers = process
            .store
            .commit(numbers.map(write).collect(), deadline());
        assert!(answers.await.iter().all(Result::is_ok));
    }
    assert_eq!(claimed(&process).await.len(), 10);
    server.set_clock(-3_600);
    let beside = Beside::to(server.address()).await;
    for expected in [990, 0] {
        assert_eq!(claimed(&process).await.len(), 10, "the others go on");
        let late = "SELECT count(*) FROM orders WHERE due_at > clock_timestamp()";
        let late: i64 = beside.client.query_one(late, &[]).await.unwrap().get(0);
        assert_eq!(late, expected, "10,000 at once");
    }
}
