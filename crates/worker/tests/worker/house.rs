//! A worker with everything around it, for one test: its store, its handler's script, its time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::Receipts;
use application::in_process::InProcessHints;
use application::ports::{
    Clock, Guard, Ids, OrderHandler, OrderWriter as _, Outcome, Sharded as _, Write,
};
use async_trait::async_trait;
use domain::{
    Cause, Currency, Decision, Money, Order, OrderId, PlaceOrder, ReceiptLocation, ReceiptTemplate,
    ShardId, Source, Timestamp, UserId,
};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::{
    BreakerSettings, Tuning, Worker, WorkerParts, WorkerReport, WorkerSettings, WorkerStatus,
};

use crate::failing_store::FailingStore;

/// Tokio's time as a clock: paused, it passes when nothing else is left to do. Its wall clock can be set.
pub struct TokioClock {
    start: Instant,
    ahead_ms: AtomicI64,
}

impl TokioClock {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            ahead_ms: AtomicI64::new(0),
        }
    }

    /// Sets the wall clock forward, or back with a negative number, as an operator or NTP may.
    pub fn step(&self, seconds: i64) {
        self.ahead_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let now = start.saturating_add(self.monotonic()).as_millis();
        let ahead_ms = self.ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(now.saturating_add_signed(ahead_ms)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Randomness that is the same in every run: a Weyl sequence, mixed.
pub struct SameIds(AtomicU64);

impl SameIds {
    pub const fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Ids for SameIds {
    fn random(&self) -> u64 {
        let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}

type Script = dyn Fn(&Order) -> Step + Send + Sync;

/// What the handler does with an attempt.
pub enum Step {
    Answer(Outcome),
    AnswerAfter(Duration, Outcome),
    Panic,
    Hang,
}

/// A handler that does what a closure says, and remembers the attempts.
pub struct Scripted {
    script: Box<Script>,
    calls: Mutex<Vec<(OrderId, u32, Instant)>>,
    running: AtomicU64,
    pub most_running: AtomicU64,
}

impl Scripted {
    pub fn new(script: impl Fn(&Order) -> Step + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            calls: Mutex::default(),
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
        })
    }

    /// The numbers of the attempts at each order.
    pub fn attempts(&self) -> HashMap<OrderId, Vec<u32>> {
        let mut attempts: HashMap<OrderId, Vec<u32>> = HashMap::new();
        for (id, attempt, _) in self.calls.lock().unwrap().iter() {
            attempts.entry(*id).or_default().push(*attempt);
        }
        attempts
    }

    /// Which orders' attempts began when.
    pub fn beginnings(&self) -> Vec<(OrderId, Instant)> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(id, _, at)| (*id, *at)).collect()
    }

    /// When attempts began.
    pub fn times(&self) -> Vec<Instant> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|(_, _, at)| *at)
            .collect()
    }
}

/// Counts an attempt as running until it ends, however it ends.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl OrderHandler for Scripted {
    async fn handle(&self, order: &Order) -> Outcome {
        let call = (order.id, order.attempt, Instant::now());
        self.calls.lock().unwrap().push(call);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let _running = Running(&self.running);
        match (self.script)(order) {
            Step::Answer(outcome) => outcome,
            Step::AnswerAfter(wait, outcome) => {
                tokio::time::sleep(wait).await;
                outcome
            }
            Step::Panic => panic!("the test wants it so"),
            Step::Hang => std::future::pending().await,
        }
    }
}

/// A running worker over a store in memory.
pub struct House {
    pub store: Arc<FailingStore>,
    pub clock: Arc<TokioClock>,
    pub status: WorkerStatus,
    pub soft: CancellationToken,
    pub hard: CancellationToken,
    hints: Arc<InProcessHints>,
    plan: Plan,
    run: JoinSet<WorkerReport>,
    placed: u64,
}

/// What the configuration sets if nothing is set.
pub fn settings() -> WorkerSettings {
    let seconds = Duration::from_secs;
    WorkerSettings {
        max_in_flight: 64,
        max_per_second: None,
        lease: seconds(30),
        max_attempts: 8,
        backoff_first: seconds(1),
        backoff_most: seconds(300),
        busy_limit: seconds(24 * 3600),
        attempt_timeout: seconds(60),
        drain: seconds(20),
        breaker: BreakerSettings {
            faults_in_a_row: 5,
            fault_percent: 50,
            first_probe: seconds(1),
            longest_probe: seconds(30),
            grace: seconds(900),
        },
        tuning: Tuning::default(),
    }
}

/// What a [`House`] is built from.
#[derive(Clone)]
pub struct Plan {
    pub shards: u16,
    pub settings: WorkerSettings,
    pub receipts: Receipts,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            shards: 1,
            settings: settings(),
            receipts: Receipts::Rendered,
        }
    }
}

impl House {
    pub fn open(plan: Plan, handler: Arc<dyn OrderHandler>) -> Self {
        let shards: Vec<ShardId> = (0..plan.shards).map(ShardId).collect();
        let hints = Arc::new(InProcessHints::new(&shards));
        let clock = Arc::new(TokioClock::new());
        let store = Arc::new(FailingStore::new(
            plan.shards,
            Arc::clone(&hints),
            clock.clone(),
        ));
        Self::over(store, hints, clock, plan, handler, 0)
    }

    fn over(
        store: Arc<FailingStore>,
        hints: Arc<InProcessHints>,
        clock: Arc<TokioClock>,
        plan: Plan,
        handler: Arc<dyn OrderHandler>,
        placed: u64,
    ) -> Self {
        let worker = Worker::new(WorkerParts {
            queue: Arc::clone(&store) as _,
            writer: Arc::clone(&store) as _,
            wake_ups: hints.clone(),
            handler,
            receipts: plan.receipts.clone(),
            clock: clock.clone(),
            ids: Arc::new(SameIds::new()),
            settings: plan.settings.clone(),
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
            hints,
            plan,
            run,
            placed,
        }
    }

    /// Stops the worker hard and starts another one over the same store, as after a crash.
    pub async fn restart(mut self, receipts: Receipts, handler: Arc<dyn OrderHandler>) -> Self {
        self.hard.cancel();
        self.run.join_next().await.unwrap().unwrap();
        let plan = Plan {
            receipts,
            ..self.plan
        };
        Self::over(
            self.store,
            self.hints,
            self.clock,
            plan,
            handler,
            self.placed,
        )
    }

    pub fn with(handler: Arc<dyn OrderHandler>) -> Self {
        Self::open(Plan::default(), handler)
    }

    /// Places orders of as many users.
    pub async fn place(&mut self, count: usize) -> Vec<OrderId> {
        let now = self.clock.now();
        let mut ids = Vec::new();
        let mut writes = Vec::new();
        for _ in 0..count {
            self.placed += 1;
            let (id, write) = new_order_as(self.placed, now, self.plan.receipts.location(), None);
            ids.push(id);
            writes.push(write);
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        for answer in self.store.commit(writes, deadline).await {
            answer.unwrap();
        }
        ids
    }

    /// Places orders of these users, one each, after the steps that `lead` makes of each new order.
    pub async fn place_for(
        &mut self,
        users: impl IntoIterator<Item = String>,
        lead: impl Fn(Decision, Timestamp) -> Decision,
    ) -> Vec<OrderId> {
        let now = self.clock.now();
        let (mut ids, mut writes) = (Vec::new(), Vec::new());
        for user in users {
            self.placed += 1;
            let location = self.plan.receipts.location();
            let (id, mut write) = new_order_of(&user, self.placed, now, location, None);
            write.decision = lead(write.decision, now);
            ids.push(id);
            writes.push(write);
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        for answer in self.store.commit(writes, deadline).await {
            answer.unwrap();
        }
        ids
    }

    /// Places an order that is not processed before `time`.
    pub async fn place_later(&mut self, time: Timestamp) -> OrderId {
        self.placed += 1;
        let location = self.plan.receipts.location();
        let (id, write) = new_order_as(self.placed, self.clock.now(), location, Some(time));
        let deadline = Instant::now() + Duration::from_secs(5);
        self.store.commit(vec![write], deadline).await[0]
            .as_ref()
            .unwrap();
        id
    }

    /// Places an order that has lost its lease at two attempts, and is due `delay` later.
    pub async fn place_suspect(&mut self, delay: Duration) -> OrderId {
        let now = self.clock.now();
        self.placed += 1;
        let (id, mut write) = new_order(self.placed, now);
        let claimed = |order: &Order| order.claim(now).unwrap();
        let lost = |order: &Order| order.lose_lease(u32::MAX, delay, now).unwrap();
        let once = lost(&claimed(&write.decision.order).order);
        write.decision = lost(&claimed(&once.order).order);
        let deadline = Instant::now() + Duration::from_secs(5);
        self.store.commit(vec![write], deadline).await[0]
            .as_ref()
            .unwrap();
        id
    }

    /// Places orders that live in other shards than `dead`.
    pub async fn place_elsewhere(&mut self, dead: ShardId, count: usize) -> Vec<OrderId> {
        let now = self.clock.now();
        let mut ids = Vec::new();
        while ids.len() < count {
            self.placed += 1;
            let (id, write) = new_order(self.placed, now);
            if self.store.shard_of(id.bucket()) != dead {
                let deadline = Instant::now() + Duration::from_secs(5);
                self.store.commit(vec![write], deadline).await[0]
                    .as_ref()
                    .unwrap();
                ids.push(id);
            }
        }
        ids
    }

    /// Waits until `is_so`, for at most `patience` of tokio's time.
    pub async fn until(&self, patience: Duration, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let waited = begun.elapsed();
            assert!(
                waited < patience,
                "not within {patience:?}: {what}: {:?}",
                self.status
            );
            // Looked at often at first, and at least once in a hundredth of the time that has passed.
            let pause = (waited / 100).max(Duration::from_millis(5));
            tokio::time::sleep(pause).await;
        }
    }

    pub async fn until_count(&self, status: domain::Status, count: usize) {
        let what = format!("{count} orders {status}");
        self.until(Duration::from_secs(3600), &what, |house| {
            house.store.count(status) == count
        })
        .await;
    }

    /// Stops softly and returns the report.
    pub async fn stop(mut self) -> WorkerReport {
        self.soft.cancel();
        self.run.join_next().await.unwrap().unwrap()
    }

    /// Stops hard and returns the report.
    pub async fn kill(mut self) -> WorkerReport {
        self.hard.cancel();
        self.run.join_next().await.unwrap().unwrap()
    }
}

/// The write that creates order `number`, of its own user.
pub fn new_order(number: u64, now: Timestamp) -> (OrderId, Write) {
    new_order_as(number, now, ReceiptLocation::Rendered, None)
}

/// The same, with the place of its receipt and the time before which it is not processed.
pub fn new_order_as(
    number: u64,
    now: Timestamp,
    receipts: ReceiptLocation,
    process_after: Option<Timestamp>,
) -> (OrderId, Write) {
    new_order_of(
        &format!("user-{number}"),
        number,
        now,
        receipts,
        process_after,
    )
}

/// The same, of this user.
fn new_order_of(
    user: &str,
    number: u64,
    now: Timestamp,
    receipts: ReceiptLocation,
    process_after: Option<Timestamp>,
) -> (OrderId, Write) {
    let user_id = UserId::new(user).unwrap();
    let id = OrderId::new(now, &user_id, number << 2);
    let command = PlaceOrder {
        user_id,
        external_id: None,
        source: Source::Api,
        amount: Money::new(number, Currency::USD).unwrap(),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after,
        receipt_template: ReceiptTemplate::Standard,
    };
    let write = Write {
        decision: Order::place(command, id, now, Cause::default(), receipts),
        guard: Guard::New {
            key: None,
            fingerprint: None,
        },
    };
    (id, write)
}

pub fn done() -> Step {
    Step::Answer(Outcome::Done { result: None })
}
