//! Two shards on two PostgreSQL servers: one of them slow, or away, and what watchers of both see.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::parts::Postgres;
use super::process::{Binary, Setup, StoreAt};
use super::proxy::Proxy;
use super::readback::ReadBack;
use super::run::Run;
use super::watching::{Watcher, present_cursor};

/// The processes' own limit for a request, and what the way there and back may add on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// A setup on two shards, of which the second is behind a proxy. By letters, so that a test knows whose order is where.
async fn two_shards(run: &Run, first: &Postgres, second: &Postgres) -> (Setup, Proxy) {
    let (before, after) = second
        .dsn
        .split_once("127.0.0.1:")
        .expect("it is on loopback");
    let (port, rest) = after.split_once('/').expect("a port");
    let port: u16 = port.parse().expect("a port");
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let through = format!("{before}{}/{rest}", proxy.address);
    let shards = vec![first.dsn.clone(), through];
    let mut setup = run.setup(Binary::Shipped, StoreAt::Postgres(shards));
    setup.more.push("store.map=letter".to_owned());
    // What a killed process held is taken back well before the end of the test.
    setup.lease = Duration::from_secs(5);
    (setup, proxy)
}

struct Asking {
    client: reqwest::Client,
    dice: Dice,
}

impl Asking {
    fn new(seed: u64) -> Self {
        Self {
            client: http_client(),
            dice: Dice::new(seed),
        }
    }

    /// Places an order of `user_id`; the answer, which must come in bounded time.
    async fn ask(&mut self, run: &mut Run, user_id: &str) -> Outcome {
        let mut facts = Facts::draw(format!("{user_id}-{}", self.dice.roll()), &mut self.dice);
        facts.user_id = user_id.to_owned();
        let key = format!("key-{}", facts.marker);
        let asked = Instant::now();
        let outcome = run.ask(&self.client, facts, Some(key)).await;
        let took = asked.elapsed();
        assert!(
            took < ANSWERED_WITHIN,
            "{user_id} waited for {took:?}: {outcome:?}"
        );
        outcome
    }

    async fn must_place(&mut self, run: &mut Run, user_id: &str) -> String {
        match self.ask(run, user_id).await {
            Outcome::Ok(answer) => answer.order_id,
            other => panic!("{user_id}'s shard is well: {other:?}"),
        }
    }

    /// The server takes the orders of the first shard, and names the second one, without waiting for it.
    async fn says_that_the_second_shard_is_away(&self, run: &Run) {
        assert_eq!(self.status(run, "/readyz").await.0, 200);
        let asked = Instant::now();
        let url = format!("http://{}/health", run.targets.pick(0));
        let answer = self.client.get(url).send().await.expect("an answer");
        assert!(asked.elapsed() < Duration::from_secs(5), "it waits");
        assert_eq!(answer.status().as_u16(), 200);
        let body = answer.bytes().await.expect("a whole answer");
        let health: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(health["status"], "degraded", "{health}");
        assert_eq!(health["shards"][0]["status"], "available", "{health}");
        assert_ne!(health["shards"][1]["status"], "available", "{health}");
        let reason = &health["reasons"][0];
        let detail = reason["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("Shard 1 "), "{health}");
    }

    async fn status(&self, run: &Run, path: &str) -> (u16, bool) {
        let url = format!("http://{}{path}", run.targets.pick(0));
        let answer = self.client.get(url).send().await.expect("an answer");
        let retry_after = answer.headers().contains_key("retry-after");
        (answer.status().as_u16(), retry_after)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_shard_and_a_lost_one_are_refused_clearly_and_leave_the_others_as_they_are() {
    let (first, second) = (Postgres::start().await, Postgres::start().await);
    let mut run = Run::begin().await;
    let (setup, proxy) = two_shards(&run, &first, &second).await;
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(12);
    let mut asking = Asking::new(12);
    load.acknowledge(100, Duration::from_secs(60)).await;
    let of_alice = asking.must_place(&mut run, "alice").await;
    let of_zoe = asking.must_place(&mut run, "zoe").await;

    proxy.slow_down(Duration::from_secs(2));
    run.fired("every answer of the second shard is late by 2 s");
    for _ in 0..10 {
        asking.must_place(&mut run, "alice").await;
        let late = asking.ask(&mut run, "zoe").await;
        let is_clear = match &late {
            Outcome::Ok(_) => true,
            Outcome::Unknown(said) => said.starts_with("503") && said.contains("Retry-After Some"),
            Outcome::Refused { .. } => false,
        };
        assert!(is_clear, "{late:?}");
    }

    proxy.cut();
    run.fired("the second shard is away");
    for round in 0..10 {
        asking.must_place(&mut run, "alice").await;
        let refused = asking.ask(&mut run, "zoe").await;
        let is_clear = matches!(&refused, Outcome::Unknown(said)
            if said.starts_with("503") && said.contains("Retry-After Some"));
        assert!(is_clear, "round {round}: {refused:?}");
    }
    assert_eq!(
        asking
            .status(&run, &format!("/v1/orders/{of_alice}"))
            .await
            .0,
        200
    );
    let refused = (503, true);
    assert_eq!(
        asking.status(&run, &format!("/v1/orders/{of_zoe}")).await,
        refused
    );
    assert_eq!(asking.status(&run, "/v1/orders").await, refused);
    assert_eq!(asking.status(&run, "/v1/orders?user_id=alice").await.0, 200);
    asking.says_that_the_second_shard_is_away(&run).await;

    proxy.restore();
    run.fired("the second shard is back");
    load.acknowledge(100, Duration::from_secs(60)).await;
    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}

/// How many orders are of users with A to M, and how many are of all others.
fn by_shard(readback: &ReadBack) -> (usize, usize) {
    let mut counts = (0, 0);
    for kept in readback.kept.values() {
        if kept.order.user_id.starts_with("alice") {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_of_two_shards_see_every_version_once_across_a_crash_and_a_lost_shard() {
    let (first, second) = (Postgres::start().await, Postgres::start().await);
    let mut run = Run::begin().await;
    let (setup, proxy) = two_shards(&run, &first, &second).await;
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let begin = present_cursor(server.address).await;
    let watchers: Vec<Watcher> = (0..4).map(|_| Watcher::from(begin.clone())).collect();
    let mut watching = watch(&watchers, server.address);
    let load = run.load(13);
    load.acknowledge(120, Duration::from_secs(60)).await;

    proxy.cut();
    run.fired("the second shard is away");
    let mut asking = Asking::new(13);
    for _ in 0..20 {
        asking.must_place(&mut run, "alice").await;
    }
    proxy.restore();
    load.acknowledge(120, Duration::from_secs(60)).await;

    server.kill().await;
    run.fired("SIGKILL");
    // The connections broke; everybody comes back with the cursor that it had.
    while watching.join_next().await.is_some() {}
    server = setup.start().await;
    run.targets.set(&[server.address]);
    let watching = watch(&watchers, server.address);
    load.acknowledge(120, Duration::from_secs(60)).await;

    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    let (on_first, on_second) = by_shard(&verdict.readback);
    assert!(
        on_first > 50 && on_second > 50,
        "{on_first} and {on_second} orders"
    );
    for watcher in &watchers {
        watcher.assert_saw_everything(&verdict.readback).await;
    }
    drop(watching);
}

/// Half of them by server-sent events, the others by WebSockets.
fn watch(watchers: &[Watcher], address: SocketAddr) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    for (index, watcher) in watchers.iter().cloned().enumerate() {
        if index % 2 == 0 {
            watching.spawn(watcher.watch_events(address));
        } else {
            watching.spawn(async move {
                watcher.watch_socket(address).await;
            });
        }
    }
    watching
}
