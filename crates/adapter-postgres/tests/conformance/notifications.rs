//! What goes over the wire between processes: one notification for each commit, none for what was only heard, and none at
//! all without a bus.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::future::poll_fn;
use std::time::Duration;

use application::ports::{Committed, WakeUps as _};
use domain::{Seq, ShardId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, NoTls, Notification};

use crate::orders::place;
use crate::server::{Beside, PATIENCE, Process, fresh_shards, options};

const SHARD: ShardId = ShardId(0);

/// A connection that hears every notification of a shard, as another process does.
struct Wiretap {
    heard: mpsc::UnboundedReceiver<Notification>,
    channel: String,
    beside: Beside,
    _driver: JoinSet<()>,
}

impl Wiretap {
    async fn on(shard: &str) -> Self {
        let (client, mut driver) = tokio_postgres::connect(shard, NoTls).await.unwrap();
        let (found, heard) = mpsc::unbounded_channel();
        let mut drivers = JoinSet::new();
        drivers.spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| driver.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    found.send(notification).unwrap();
                }
            }
        });
        let name = "SELECT 'ordermill_' || 'shard'::regclass::oid";
        let channel: String = client.query_one(name, &[]).await.unwrap().get(0);
        client
            .batch_execute(&format!("LISTEN \"{channel}\""))
            .await
            .unwrap();
        // The client is kept by the driver's task: dropping it would end the connection.
        drivers.spawn(async move {
            let _client = client;
            std::future::pending::<()>().await;
        });
        Self {
            heard,
            channel,
            beside: Beside::to(shard).await,
            _driver: drivers,
        }
    }

    async fn next(&mut self) -> Notification {
        let next = timeout(PATIENCE, self.heard.recv()).await;
        next.expect("the server delivers").unwrap()
    }

    /// Everything that was published since the last call: waits for this many notifications, and takes those that follow.
    async fn published(&mut self, expected: usize) -> Vec<Notification> {
        const END: &str = "the end of the test";
        let mut published = Vec::new();
        for _ in 0..expected {
            published.push(self.next().await);
        }
        let channel = &self.channel;
        let end = format!("NOTIFY \"{channel}\", '{END}'");
        self.beside.run(&end).await;
        loop {
            let notification = self.next().await;
            if notification.payload() == END {
                return published;
            }
            published.push(notification);
        }
    }
}

/// Waits until the bus of a process listens.
async fn is_listening(process: &Process) {
    let mut due_work = process.hints.due_work(SHARD);
    let woken = due_work.wait_for(|wake_ups| *wake_ups > 0);
    timeout(PATIENCE, woken).await.unwrap().unwrap();
}

/// Waits until a process has heard of `seq`.
async fn hears_of(process: &Process, seq: Seq) {
    let mut last_seq = process.hints.last_seq(SHARD);
    let heard = last_seq.wait_for(|heard| *heard >= seq);
    timeout(PATIENCE, heard).await.unwrap().unwrap();
}

async fn placed(process: &Process, key: &str) -> Seq {
    match place(&process.store, "alice", key, PATIENCE).await.1 {
        Ok(Committed::Written { seq }) => seq,
        other => panic!("the order is new: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_published_once_and_never_by_a_process_that_heard_of_it() {
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    is_listening(&one).await;
    is_listening(&other).await;
    let mut wiretap = Wiretap::on(&shards[0]).await;
    let mut seqs = Vec::new();
    for number in 0..10 {
        let seq = placed(&one, &format!("one-{number}")).await;
        hears_of(&other, seq).await;
        seqs.push(seq);
    }
    // Published on the same connection as whatever the other process would have passed on before.
    let last = placed(&other, "other").await;
    hears_of(&one, last).await;

    let published = wiretap.published(11).await;
    let payloads: Vec<&str> = published.iter().map(Notification::payload).collect();
    let expected = seqs.iter().chain([&last]).map(|seq| format!("{seq} 1"));
    assert_eq!(payloads, expected.collect::<Vec<_>>());
    let (by_other, by_one) = published.split_last().unwrap();
    let publisher = by_one[0].process_id();
    assert!(
        by_one
            .iter()
            .all(|published| published.process_id() == publisher)
    );
    assert_ne!(by_other.process_id(), publisher);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_hint_of_a_burst_names_all_of_its_commits() {
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    is_listening(&one).await;
    is_listening(&other).await;
    let mut callers = JoinSet::new();
    for caller in 0..32 {
        let store = std::sync::Arc::clone(&one.store);
        callers.spawn(async move {
            for order in 0..10 {
                let key = format!("{caller}-{order}");
                place(&store, "alice", &key, PATIENCE).await.1.unwrap();
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    hears_of(&other, Seq(320)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_nothing_is_published_and_nothing_is_heard() {
    let shards = fresh_shards(1).await;
    let silent = Process::start_with(options(&shards), false).await.unwrap();
    let listening = Process::on(&shards).await;
    is_listening(&listening).await;
    let mut wiretap = Wiretap::on(&shards[0]).await;
    let seq = placed(&silent, "silent").await;
    hears_of(&silent, seq).await;
    assert_eq!(wiretap.published(0).await.len(), 0);
    assert!(*listening.hints.last_seq(SHARD).borrow() < seq);

    let next = placed(&listening, "listening").await;
    hears_of(&listening, next).await;
    assert_eq!(wiretap.published(1).await.len(), 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(*silent.hints.last_seq(SHARD).borrow(), seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_whose_connection_was_cut_wakes_up_its_process_when_it_is_back() {
    let shards = fresh_shards(1).await;
    let (one, other) = (Process::on(&shards).await, Process::on(&shards).await);
    is_listening(&one).await;
    is_listening(&other).await;
    let mut wiretap = Wiretap::on(&shards[0]).await;
    let seq = placed(&other, "before").await;
    hears_of(&one, seq).await;
    let published = wiretap.published(1).await;
    let bus = published.last().unwrap().process_id();
    let mut due_work = other.hints.due_work(SHARD);
    due_work.mark_unchanged();
    let cut = "SELECT pg_terminate_backend($1)";
    wiretap.beside.client.execute(cut, &[&bus]).await.unwrap();
    timeout(PATIENCE, due_work.changed())
        .await
        .expect("the process is woken up once its bus is back")
        .unwrap();
    let seq = placed(&one, "after-1").await;
    hears_of(&other, seq).await;
    let seq = placed(&other, "after-2").await;
    hears_of(&one, seq).await;
}
