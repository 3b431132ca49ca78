//! The worker on the embedded store, in real time and in hours turned by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adapter_sqlite::{SHARDS, SqliteOptions, SqliteStore};
use application::Receipts;
use application::in_process::InProcessHints;
use application::ports::{
    Blame, Clock, Counts, Dispatch, OrderHandler, OrderStore, Outcome, StatusBus,
};
use application::system::{ManualClock, SystemClock, SystemIds};
use domain::{Failure, OrderId, Receipt, Status, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::{
    BreakerState, NoWork, Worker, WorkerParts, WorkerReport, WorkerSettings, WorkerStatus,
};

use crate::house::{Scripted, Step, done, new_order};

struct OnDisk {
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    status: WorkerStatus,
    soft: CancellationToken,
    hard: CancellationToken,
    run: JoinSet<WorkerReport>,
}

impl OnDisk {
    fn open(dir: &Path, clock: Arc<dyn Clock>, handler: Arc<dyn OrderHandler>) -> Self {
        let hints = Arc::new(InProcessHints::new(&SHARDS));
        let (dispatch, bus): (Arc<dyn Dispatch>, Arc<dyn StatusBus>) =
            (hints.clone(), hints.clone());
        let options = SqliteOptions::in_dir(dir);
        let store = Arc::new(
            SqliteStore::open(options, Arc::clone(&clock), Arc::clone(&dispatch), bus).unwrap(),
        );
        let worker = Worker::new(WorkerParts {
            store: Arc::clone(&store) as Arc<dyn OrderStore>,
            dispatch,
            handler,
            receipts: Receipts::Rendered,
            clock: Arc::clone(&clock),
            ids: Arc::new(SystemIds),
            settings: WorkerSettings::default(),
        });
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let status = worker.status();
        let mut run = JoinSet::new();
        run.spawn(worker.run(soft.clone(), hard.clone()));
        Self {
            store,
            clock,
            status,
            soft,
            hard,
            run,
        }
    }

    async fn place(&self, numbers: std::ops::Range<u64>) -> Vec<OrderId> {
        let now = self.clock.now();
        let (ids, writes): (Vec<_>, Vec<_>) = numbers.map(|number| new_order(number, now)).unzip();
        let deadline = Instant::now() + Duration::from_secs(30);
        for answer in self.store.commit(writes, deadline).await {
            answer.unwrap();
        }
        ids
    }

    async fn counts(&self) -> Counts {
        self.store.counts().await.unwrap()
    }

    async fn until_count(&self, status: Status, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.counts().await.get(status) < count {
            assert!(
                Instant::now() < deadline,
                "{status}: {:?}",
                self.counts().await
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(mut self) -> WorkerReport {
        self.soft.cancel();
        let report = self.run.join_next().await.unwrap().unwrap();
        self.store.close().await;
        report
    }

    async fn kill(mut self) {
        self.hard.cancel();
        self.run.join_next().await.unwrap().unwrap();
        self.store.close().await;
    }
}

fn real_time() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_is_worked_once_with_every_step_on_record() {
    let slow = Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_millis(2), Outcome::Done { result: None })
    });
    for handler in [Arc::new(NoWork) as Arc<dyn OrderHandler>, slow] {
        let folder = tempfile::tempdir().unwrap();
        let house = OnDisk::open(folder.path(), real_time(), handler);
        let mut ids = Vec::new();
        for start in (1..2001).step_by(100) {
            ids.extend(house.place(start..start + 100).await);
        }
        house.until_count(Status::Processed, 2000).await;
        for id in ids {
            let order = house.store.get(id).await.unwrap().unwrap();
            assert_eq!((order.status, order.attempt), (Status::Processed, 1));
            assert_eq!(order.receipt_key, Some(Receipt::of(&order).key));
            let events = house.store.events(id, None, 10).await.unwrap().unwrap();
            let steps: Vec<Status> = events
                .iter()
                .filter_map(|event| event.event.status())
                .collect();
            assert_eq!(
                steps,
                [Status::Pending, Status::Processing, Status::Processed]
            );
        }
        let report = house.stop().await;
        assert_eq!(
            (report.processed, report.lost, report.abandoned),
            (2000, 0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_a_worker_that_died_are_worked_by_the_next_and_the_attempt_counts() {
    let folder = tempfile::tempdir().unwrap();
    let house = OnDisk::open(folder.path(), real_time(), Scripted::new(|_| Step::Hang));
    let ids = house.place(1..11).await;
    house.until_count(Status::Processing, 10).await;
    house.kill().await;
    let house = OnDisk::open(folder.path(), real_time(), Scripted::new(|_| done()));
    house.until_count(Status::Processed, 10).await;
    for id in ids {
        assert_eq!(house.store.get(id).await.unwrap().unwrap().attempt, 2);
    }
    assert_eq!(house.stop().await.rescued, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_order_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let handler = Scripted::new(|order| match order.amount.minor() {
        7 => Step::Answer(Outcome::Rejected(Failure::new(
            "handler_rejected",
            "no stock",
        ))),
        _ => done(),
    });
    let house = OnDisk::open(folder.path(), real_time(), handler);
    let ids = house.place(1..101).await;
    house.until_count(Status::Processed, 99).await;
    house.until_count(Status::Failed, 1).await;
    let poison = house.store.get(ids[6]).await.unwrap().unwrap();
    assert_eq!(
        poison.failure,
        Some(Failure::new("handler_rejected", "no stock"))
    );
    house.stop().await;
}

/// Turns both clocks by hand. A blocking task keeps tokio from turning its own while the store's threads are busy.
struct TurnedByHand {
    clock: Arc<ManualClock>,
    _release: std::sync::mpsc::Sender<()>,
    _idle: JoinSet<()>,
}

impl TurnedByHand {
    fn new() -> Self {
        let (release, wait) = std::sync::mpsc::channel();
        let mut idle = JoinSet::new();
        idle.spawn_blocking(move || {
            let _ = wait.recv();
        });
        Self {
            clock: Arc::new(ManualClock::at(
                Timestamp::parse("2026-01-31T12:00:00Z").unwrap(),
            )),
            _release: release,
            _idle: idle,
        }
    }

    /// Lets `time` pass in small steps, and the store's threads follow in each.
    async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(250);
        for _ in 0..time.as_millis() / step.as_millis() {
            self.clock.advance(step);
            tokio::time::advance(step).await;
            for _ in 0..4 {
                std::thread::sleep(Duration::from_micros(200));
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_the_endpoint_make_no_dead_letter() {
    let time = TurnedByHand::new();
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let handler = Scripted::new(move |_| {
        if is_up.load(Ordering::SeqCst) {
            return done();
        }
        Step::Answer(Outcome::Retry {
            failure: Failure::new("endpoint_unreachable", "connection refused"),
            after: None,
            blame: Blame::Endpoint,
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let house = OnDisk::open(folder.path(), time.clock.clone(), handler.clone());
    house.place(1..51).await;
    time.pass(Duration::from_secs(600)).await;
    let counts = house.counts().await;
    assert_eq!(counts.get(Status::Failed), 0, "{counts:?}");
    assert_eq!(counts.accepted(), 50);
    assert_ne!(house.status.breaker().state, BreakerState::Closed);
    assert!(
        (10..120).contains(&handler.times().len()),
        "{} calls",
        handler.times().len()
    );
    up.store(true, Ordering::SeqCst);
    time.pass(Duration::from_secs(40)).await;
    let counts = house.counts().await;
    assert_eq!(counts.get(Status::Processed), 50, "{counts:?}");
    house.kill().await;
}
