//! An order store in memory, by the domain's own decisions, which fails on demand. Its delays run by tokio's time, so that
//! hours pass in a moment, and its due times by the test's wall clock. The behaviour on a real store is tested beside
//! it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Committed, Counts, Deadline, Dispatch as _, Erasure,
    EventPage, Guard, ListQuery, NextDue, OrderPage, OrderStore, RescuePolicy, SequencedEvent,
    Settle, StoreError, Write,
};
use async_trait::async_trait;
use domain::{
    Bucket, Decision, EventPosition, ExternalId, Job, Order, OrderId, Seq, ShardId, Status,
    Timestamp, UserId, Version,
};
use tokio::time::Instant;

use crate::calls::Calls;

pub struct MemoryStore {
    shards: Vec<ShardId>,
    hints: Arc<InProcessHints>,
    clock: Arc<dyn Clock>,
    entries: Mutex<BTreeMap<OrderId, Entry>>,
    pub faults: Faults,
    pub calls: Calls,
}

/// What goes wrong until the test ends it.
#[derive(Default)]
pub struct Faults {
    /// Nothing can be reached.
    pub down: AtomicBool,
    /// This shard cannot be reached.
    pub down_shard: Mutex<Option<ShardId>>,
    /// This many commits are done, but not confirmed.
    pub unconfirmed: AtomicUsize,
    /// This many commits are refused by a full queue.
    pub overloaded: AtomicUsize,
    /// Outcomes that say PROCESSED are refused for these orders.
    pub refuses_completion: Mutex<HashSet<OrderId>>,
    /// Heartbeats never arrive.
    pub deaf: AtomicBool,
}

struct Entry {
    order: Arc<Order>,
    work: Work,
    events: Vec<Status>,
}

#[derive(Clone, Copy)]
enum Work {
    Due(Instant),
    /// By the wall clock.
    DueAt(Timestamp),
    Leased(Instant),
    None,
}

impl Work {
    /// When it is due, by tokio's time.
    fn due(self, clock: &dyn Clock) -> Option<Instant> {
        match self {
            Self::Due(at) => Some(at),
            Self::DueAt(time) => {
                let (now, wall) = (Instant::now(), clock.now().as_millis());
                let ahead = Duration::from_millis(time.as_millis().saturating_sub(wall));
                Some(now + ahead)
            }
            Self::Leased(_) | Self::None => None,
        }
    }
}

impl MemoryStore {
    pub fn new(shards: u16, hints: Arc<InProcessHints>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: (0..shards).map(ShardId).collect(),
            hints,
            clock,
            entries: Mutex::default(),
            faults: Faults::default(),
            calls: Calls::default(),
        }
    }

    pub fn order(&self, id: OrderId) -> Arc<Order> {
        Arc::clone(&self.entries()[&id].order)
    }

    pub fn orders(&self) -> Vec<Arc<Order>> {
        self.entries()
            .values()
            .map(|entry| Arc::clone(&entry.order))
            .collect()
    }

    pub fn count(&self, status: Status) -> usize {
        self.orders()
            .iter()
            .filter(|order| order.status == status)
            .count()
    }

    /// The statuses that an order has gone through.
    pub fn history(&self, id: OrderId) -> Vec<Status> {
        self.entries()[&id].events.clone()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<OrderId, Entry>> {
        self.entries.lock().unwrap()
    }

    fn check(&self, shard: ShardId) -> Result<(), StoreError> {
        let shard_is_down = *self.faults.down_shard.lock().unwrap() == Some(shard);
        if self.faults.down.load(Ordering::SeqCst) || shard_is_down {
            return Err(StoreError::Unavailable {
                shard,
                reason: "the test wants it so".to_owned(),
            });
        }
        Ok(())
    }

    /// Claims the first due orders of a shard that `is_meant`.
    fn take_due(
        &self,
        shard: ShardId,
        limit: usize,
        lease: Duration,
        is_meant: impl Fn(&Order) -> bool,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.check(shard)?;
        let now = self.clock.now();
        let mut entries = self.entries();
        let mut due: Vec<(Instant, OrderId)> = entries
            .iter()
            .filter(|(id, _)| self.shard_of(id.bucket()) == shard)
            .filter(|(_, entry)| is_meant(&entry.order))
            .filter_map(|(id, entry)| Some((entry.work.due(&*self.clock)?, *id)))
            .filter(|(at, _)| *at <= Instant::now())
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        let claimed = due.into_iter().map(|(_, id)| {
            let entry = entries.get_mut(&id).unwrap();
            let decision = entry.order.claim(now).unwrap();
            entry.become_of(&decision, Some(lease));
            decision.order
        });
        Ok(claimed.collect())
    }

    fn apply(&self, write: Write) -> Result<Committed, CommitError> {
        let id = write.decision.order.id;
        self.check(self.shard_of(id.bucket()))?;
        let is_refused = self.faults.refuses_completion.lock().unwrap().contains(&id);
        if is_refused && write.decision.order.status == Status::Processed {
            return Err(CommitError::Refused("the test wants it so".to_owned()));
        }
        let mut entries = self.entries();
        if let Guard::At { version, status } = write.guard {
            let current = entries
                .get(&id)
                .map(|entry| (entry.order.version, entry.order.status));
            if current != Some((version, status)) {
                return Err(CommitError::Stale);
            }
        }
        let entry = entries.entry(id).or_insert_with(|| Entry {
            order: Arc::clone(&write.decision.order),
            work: Work::None,
            events: Vec::new(),
        });
        entry.become_of(&write.decision, None);
        drop(entries);
        if let Job::DueIn(Duration::ZERO) = write.decision.job {
            self.hints.work_is_due(self.shard_of(id.bucket()));
        }
        Ok(Committed::Written { seq: Seq(1) })
    }
}

impl Entry {
    fn become_of(&mut self, decision: &Decision, lease: Option<Duration>) {
        self.order = Arc::clone(&decision.order);
        self.events.push(decision.order.status);
        self.work = match decision.job {
            Job::DueIn(delay) => Work::Due(Instant::now() + delay),
            Job::DueAt(time) => Work::DueAt(time),
            Job::Leased => Work::Leased(Instant::now() + lease.unwrap()),
            Job::Nothing => Work::None,
        };
    }
}

/// Takes one of a number of faults that are left.
fn takes_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

#[async_trait]
impl OrderStore for MemoryStore {
    fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.shards[usize::from(bucket.get()) % self.shards.len()]
    }

    async fn commit(&self, writes: Vec<Write>, _: Deadline) -> Vec<Result<Committed, CommitError>> {
        self.calls.commits.note(writes.len());
        // Durability takes a moment, in which others run.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if takes_one(&self.faults.overloaded) {
            let full = CommitError::Store(StoreError::Overloaded { limit: 0 });
            return writes.iter().map(|_| Err(full.clone())).collect();
        }
        let unconfirmed = takes_one(&self.faults.unconfirmed);
        let answers = writes.into_iter().map(|write| {
            let answer = self.apply(write);
            if unconfirmed && answer.is_ok() {
                return Err(CommitError::Store(StoreError::Unknown {
                    shard: self.shards[0],
                    reason: "the test wants it so".to_owned(),
                }));
            }
            answer
        });
        answers.collect()
    }

    async fn erase(&self, _: Erasure, _: Deadline) -> Result<EventPosition, CommitError> {
        unreachable!("a worker erases no order")
    }

    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let claimed = self.take_due(shard, limits.total, lease, |order| !order.is_quarantined())?;
        self.calls.claims.note(claimed.len());
        Ok(claimed)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let claimed = self.take_due(shard, 1, lease, Order::is_quarantined)?;
        Ok(claimed.into_iter().next())
    }

    async fn settle(
        &self,
        shard: ShardId,
        limit: usize,
        settle: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        // Durability takes a moment, in which others run.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if takes_one(&self.faults.overloaded) {
            return Err(StoreError::Overloaded { limit: 0 });
        }
        let mut settled = Vec::new();
        for claimed in self.take_due(shard, limit, Duration::ZERO, |_| true)? {
            let write = settle.settle(&claimed);
            settled.push(Arc::clone(&write.decision.order));
            self.apply(write).expect("no other worker holds the claim");
        }
        self.calls.settles.note(settled.len());
        if !settled.is_empty() && takes_one(&self.faults.unconfirmed) {
            let reason = "the test wants it so".to_owned();
            return Err(StoreError::Unknown { shard, reason });
        }
        Ok(settled)
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        if self.faults.deaf.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.calls.heartbeats.note(claims.len());
        let mut lost = Vec::new();
        for claim in claims {
            self.check(self.shard_of(claim.order_id.bucket()))?;
            let mut entries = self.entries();
            let entry = entries.get_mut(&claim.order_id).unwrap();
            if entry.order.version == claim.token && entry.order.status == Status::Processing {
                entry.work = Work::Leased(Instant::now() + lease);
            } else {
                lost.push(*claim);
            }
        }
        Ok(lost)
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.check(shard)?;
        let now = self.clock.now();
        let mut rescued = Vec::new();
        for (id, entry) in self.entries().iter_mut() {
            let is_lost = matches!(entry.work, Work::Leased(until) if until <= Instant::now());
            if is_lost && self.shard_of(id.bucket()) == shard && rescued.len() < limit {
                let lost = entry
                    .order
                    .lose_lease(policy.max_attempts, policy.delay, now);
                let decision = lost.unwrap();
                entry.become_of(&decision, None);
                rescued.push(decision.order);
            }
        }
        Ok(rescued)
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.check(shard)?;
        let entries = self.entries();
        let next = |alone| {
            let of_kind = entries
                .iter()
                .filter(|(_, entry)| entry.order.is_quarantined() == alone);
            let due = of_kind
                .filter(|(id, _)| self.shard_of(id.bucket()) == shard)
                .filter_map(|(_, entry)| entry.work.due(&*self.clock));
            due.min()
                .map(|at| at.saturating_duration_since(Instant::now()))
        };
        Ok(NextDue {
            lanes: [next(false), None, None],
            quarantined: next(true),
        })
    }

    async fn oldest_due_age(&self, _: ShardId) -> Result<Option<Duration>, StoreError> {
        unreachable!("the worker does not ask for it")
    }

    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(self
            .entries()
            .get(&id)
            .map(|entry| Arc::clone(&entry.order)))
    }

    async fn find(&self, _: &UserId, _: &ExternalId) -> Result<Option<Arc<Order>>, StoreError> {
        unreachable!("a worker reads no orders")
    }

    async fn list(&self, _: &ListQuery) -> Result<OrderPage, StoreError> {
        unreachable!("a worker reads no orders")
    }

    async fn events(
        &self,
        _: OrderId,
        _: Option<Version>,
        _: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        unreachable!("a worker reads no events")
    }

    async fn events_after(&self, _: ShardId, _: Seq, _: usize) -> Result<EventPage, StoreError> {
        unreachable!("a worker reads no events")
    }

    async fn event_position(
        &self,
        _: ShardId,
        _: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        unreachable!("a worker reads no events")
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        unreachable!("a worker counts for itself")
    }

    async fn close(&self) {}
}
