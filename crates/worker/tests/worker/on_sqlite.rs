//! The worker on the embedded store, in real time and in hours turned by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adapter_sqlite::{SHARDS, SqliteOptions, SqliteStore, Tuning};
use application::Receipts;
use application::in_process::InProcessHints;
use application::ports::{
    Clock, Counts, EventFeed as _, FaultScope, OrderHandler, OrderReader as _, OrderWriter as _,
    Outcome,
};
use application::system::{ManualClock, SystemClock, SystemIds};
use domain::{Failure, OrderId, Receipt, ReceiptLocation, Status, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::{BreakerState, NoWork, Worker, WorkerParts, WorkerReport, WorkerStatus};

use crate::house::{Scripted, Step, done, new_order, new_order_as, settings};

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
        let options = SqliteOptions {
            data_dir: dir.to_owned(),
            queue: 8_192,
            batch: 1_024,
            tuning: Tuning::default(),
        };
        let wall_clock = Arc::clone(&clock);
        let ids = Arc::new(SystemIds);
        let store = SqliteStore::open(options, wall_clock, ids, hints.clone());
        let store = Arc::new(store.unwrap());
        let worker = Worker::new(WorkerParts {
            queue: Arc::clone(&store) as _,
            writer: Arc::clone(&store) as _,
            wake_ups: hints,
            handler,
            receipts: Receipts::Rendered,
            clock: Arc::clone(&clock),
            ids: Arc::new(SystemIds),
            settings: settings(),
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

    /// Places an order that is not processed before `time`.
    async fn place_later(&self, number: u64, time: Timestamp) -> OrderId {
        let (now, rendered) = (self.clock.now(), ReceiptLocation::Rendered);
        let (id, write) = new_order_as(number, now, rendered, Some(time));
        let deadline = Instant::now() + Duration::from_secs(30);
        for answer in self.store.commit(vec![write], deadline).await {
            answer.unwrap();
        }
        id
    }

    async fn status_of(&self, id: OrderId) -> Status {
        self.store.get(id).await.unwrap().unwrap().status
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
            let events = house
                .store
                .order_events(id, None, 10)
                .await
                .unwrap()
                .unwrap();
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

    /// Lets a minute pass at most. On a busy machine the store's threads follow late.
    async fn pass_until_processed(&self, house: &OnDisk, id: OrderId) {
        for _ in 0..240 {
            self.pass(Duration::from_millis(250)).await;
            if house.status_of(id).await == Status::Processed {
                return;
            }
        }
        panic!("{:?}", house.status_of(id).await);
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
            scope: FaultScope::Endpoint,
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let house = OnDisk::open(folder.path(), time.clock.clone(), handler.clone());
    house.place(1..51).await;
    time.pass(Duration::from_secs(600)).await;
    let counts = house.counts().await;
    assert_eq!(counts.get(Status::Failed), 0, "{counts:?}");
    assert_eq!(counts.accepted(), 50);
    assert_ne!(house.status.endpoint().breaker, BreakerState::Closed);
    assert!(
        (10..120).contains(&handler.times().len()),
        "{} calls",
        handler.times().len()
    );
    up.store(true, Ordering::SeqCst);
    time.pass(Duration::from_secs(40)).await;
    // On a busy machine the store's threads follow late: they get a minute more of the clock that is turned by hand.
    for _ in 0..240 {
        if house.counts().await.get(Status::Processed) == 50 {
            break;
        }
        time.pass(Duration::from_millis(250)).await;
    }
    let counts = house.counts().await;
    assert_eq!(counts.get(Status::Processed), 50, "{counts:?}");
    house.kill().await;
}

/// One order waits across a restart and a clock that is set back, until its time; the clock is set forward while no process
/// runs, and the other one is processed by the next process.
#[tokio::test(start_paused = true)]
async fn orders_wait_for_their_time_across_restarts_and_clocks_that_are_set() {
    let time = TurnedByHand::new();
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let handler: Arc<dyn OrderHandler> = Scripted::new(|_| done());
        OnDisk::open(folder.path(), time.clock.clone(), handler)
    };
    let start = time.clock.now();
    let after = |seconds| start.saturating_add(Duration::from_secs(seconds));
    let house = open();
    let soon = house.place_later(1, after(60)).await;
    let tomorrow = house.place_later(2, after(86_400)).await;
    time.pass(Duration::from_secs(50)).await;
    time.clock.jump_to(start);
    time.pass(Duration::from_secs(20)).await;
    assert_eq!(house.status_of(soon).await, Status::Pending);
    house.stop().await;

    let house = open();
    time.pass(Duration::from_secs(39)).await;
    assert_eq!(house.status_of(soon).await, Status::Pending);
    time.pass_until_processed(&house, soon).await;
    let order = house.store.get(soon).await.unwrap().unwrap();
    assert!(order.updated_at >= after(60));
    assert_eq!(house.status_of(tomorrow).await, Status::Pending);
    house.stop().await;

    time.clock.jump_to(after(86_400));
    let house = open();
    time.pass_until_processed(&house, tomorrow).await;
    let order = house.store.get(tomorrow).await.unwrap().unwrap();
    assert_eq!(order.attempt, 1);
    assert!(order.updated_at >= after(86_400));
    house.stop().await;
}
