//! An order store in memory, by the domain's own decisions, which fails on demand. Its delays run by tokio's time, so that
//! hours pass in a moment, and its due times by the test's wall clock. The behaviour on a real store is tested beside
//! it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, CommitHint, CommitHints as _, Committed, Counts,
    Deadline, Erasure, EventFeed, EventPage, Guard, ListQuery, NextDue, OrderPage, OrderReader,
    OrderWriter, RescuePolicy, SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{
    Bucket, Decision, EventPosition, ExternalId, Job, Lane, Order, OrderId, Seq, ShardId, Status,
    Timestamp, UserId, Version,
};
use tokio::time::Instant;

use crate::calls::Calls;
use crate::waiting::Waiting;

pub struct MemoryStore {
    shards: Vec<ShardId>,
    hints: Arc<InProcessHints>,
    clock: Arc<dyn Clock>,
    data: Mutex<Data>,
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
    events: Vec<Status>,
}

/// What a real store has on its disk.
#[derive(Default)]
struct Data {
    entries: BTreeMap<OrderId, Entry>,
    counts: [usize; Status::ALL.len()],
    waiting: Waiting,
    leases: BTreeMap<OrderId, Instant>,
}

impl Data {
    /// Makes an order what was decided.
    fn record(&mut self, decision: &Decision, shard: ShardId, lease: Option<Duration>) {
        let order = &decision.order;
        self.counts[order.status.index()] += 1;
        match self.entries.get_mut(&order.id) {
            Some(entry) => {
                self.counts[entry.order.status.index()] -= 1;
                entry.order = Arc::clone(order);
                entry.events.push(order.status);
            }
            None => {
                let entry = Entry {
                    order: Arc::clone(order),
                    events: vec![order.status],
                };
                self.entries.insert(order.id, entry);
            }
        }
        self.waiting.remove(order.id);
        self.leases.remove(&order.id);
        let now = Instant::now();
        match decision.job {
            Job::DueIn(delay) => self.waiting.insert(order, shard, now + delay),
            Job::DueAt(time) => self.waiting.insert_later(order, shard, time),
            Job::Leased => drop(self.leases.insert(order.id, now + lease.unwrap())),
            Job::Nothing => {}
        }
    }

    fn claim(
        &mut self,
        due: impl IntoIterator<Item = OrderId>,
        shard: ShardId,
        lease: Duration,
        now: Timestamp,
    ) -> Vec<Arc<Order>> {
        let claimed = due.into_iter().map(|id| {
            let decision = self.entries[&id].order.claim(now).unwrap();
            self.record(&decision, shard, Some(lease));
            decision.order
        });
        claimed.collect()
    }
}

impl MemoryStore {
    pub fn new(shards: u16, hints: Arc<InProcessHints>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: (0..shards).map(ShardId).collect(),
            hints,
            clock,
            data: Mutex::default(),
            faults: Faults::default(),
            calls: Calls::default(),
        }
    }

    pub fn order(&self, id: OrderId) -> Arc<Order> {
        Arc::clone(&self.data().entries[&id].order)
    }

    pub fn orders(&self) -> Vec<Arc<Order>> {
        self.data()
            .entries
            .values()
            .map(|entry| Arc::clone(&entry.order))
            .collect()
    }

    pub fn count(&self, status: Status) -> usize {
        self.data().counts[status.index()]
    }

    /// The statuses that an order has gone through.
    pub fn history(&self, id: OrderId) -> Vec<Status> {
        self.data().entries[&id].events.clone()
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap()
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

    fn apply(&self, write: Write) -> Result<Committed, CommitError> {
        let id = write.decision.order.id;
        self.check(self.shard_of(id.bucket()))?;
        let is_refused = self.faults.refuses_completion.lock().unwrap().contains(&id);
        if is_refused && write.decision.order.status == Status::Processed {
            return Err(CommitError::Refused("the test wants it so".to_owned()));
        }
        let mut data = self.data();
        if let Guard::At { version, status } = write.guard {
            let current = data
                .entries
                .get(&id)
                .map(|entry| (entry.order.version, entry.order.status));
            if current != Some((version, status)) {
                return Err(CommitError::Stale);
            }
        }
        data.record(&write.decision, self.shard_of(id.bucket()), None);
        drop(data);
        if let Job::DueIn(Duration::ZERO) = write.decision.job {
            let hint = CommitHint {
                seq: Seq(0),
                work_is_due: true,
            };
            self.hints.committed(self.shard_of(id.bucket()), hint);
        }
        Ok(Committed::Written { seq: Seq(1) })
    }
}

/// Takes one of a number of faults that are left.
fn takes_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

impl Sharded for MemoryStore {
    fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.shards[usize::from(bucket.get()) % self.shards.len()]
    }
}

#[async_trait]
impl OrderWriter for MemoryStore {
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

    async fn probe_commit(&self, _: ShardId) -> Result<(), StoreError> {
        unreachable!("the worker does not ask for it")
    }

    async fn close(&self) {}
}

#[async_trait]
impl OrderReader for MemoryStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(self
            .data()
            .entries
            .get(&id)
            .map(|entry| Arc::clone(&entry.order)))
    }

    async fn find(&self, _: &UserId, _: &ExternalId) -> Result<Option<Arc<Order>>, StoreError> {
        unreachable!("a worker reads no orders")
    }

    async fn list(&self, _: &ListQuery) -> Result<OrderPage, StoreError> {
        unreachable!("a worker reads no orders")
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        unreachable!("a worker counts for itself")
    }
}

#[async_trait]
impl EventFeed for MemoryStore {
    async fn order_events(
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
}

#[async_trait]
impl WorkQueue for MemoryStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.check(shard)?;
        let mut data = self.data();
        let due = data.waiting.due(shard, limits, &*self.clock);
        let claimed = data.claim(due, shard, lease, self.clock.now());
        drop(data);
        self.calls.claims.note(claimed.len());
        Ok(claimed)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.check(shard)?;
        let mut data = self.data();
        let due = data.waiting.due_quarantined(shard, &*self.clock);
        let claimed = data.claim(due, shard, lease, self.clock.now());
        Ok(claimed.into_iter().next())
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        if self.faults.deaf.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.calls.heartbeats.note(claims.len());
        let mut lost = Vec::new();
        for claim in claims {
            self.check(self.shard_of(claim.order_id.bucket()))?;
            let mut data = self.data();
            let order = &data.entries[&claim.order_id].order;
            if order.version == claim.token && order.status == Status::Processing {
                data.leases.insert(claim.order_id, Instant::now() + lease);
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
        let mut data = self.data();
        let lost: Vec<OrderId> = data
            .leases
            .iter()
            .filter(|(id, until)| **until <= Instant::now() && self.shard_of(id.bucket()) == shard)
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        let mut rescued = Vec::new();
        for id in lost {
            let order = &data.entries[&id].order;
            let lost = order.lose_lease(policy.max_attempts, policy.delay, now);
            let decision = lost.unwrap();
            data.record(&decision, shard, None);
            rescued.push(decision.order);
        }
        Ok(rescued)
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.check(shard)?;
        let data = self.data();
        let next = |lane| {
            let due = data.waiting.next_due((shard, lane), &*self.clock)?;
            Some(due.saturating_duration_since(Instant::now()))
        };
        Ok(NextDue {
            lanes: Lane::ALL.map(|lane| next(Some(lane))),
            quarantined: next(None),
        })
    }

    async fn oldest_due_age(&self, _: ShardId) -> Result<Option<Duration>, StoreError> {
        unreachable!("the worker does not ask for it")
    }
}
