//! The plainest store that keeps every promise: maps behind one lock. The suite is tested on it, whole and broken, and
//! every test that needs a store and no disk runs on it. The suite opens it as any store ([`InMemory`]).
//!
//! Its processes share the maps, so that the behaviours of two processes run here too. Nothing of it is on a disk. Time is
//! that of the clock which it is given.

pub(crate) mod bucket_round;
mod data;
mod due;
mod opened;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Committed, Counts, Deadline, Erasure, EventContent,
    EventFeed, EventPage, ListQuery, NextDue, OrderPage, OrderReader, OrderWriter, RescuePolicy,
    SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{
    Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, Status, UserId, Version,
};

use data::Data;
pub use opened::InMemory;

/// One process on the data.
pub struct InMemoryStore {
    data: Arc<Mutex<Data>>,
    shards: Vec<ShardId>,
    clock: Arc<dyn Clock>,
    is_closed: Mutex<bool>,
}

impl InMemoryStore {
    /// A store without orders, of this many shards: bucket modulo shards. It hints to `hints`.
    #[must_use]
    pub fn new(shards: u16, clock: Arc<dyn Clock>, hints: Arc<InProcessHints>) -> Self {
        let data = Arc::new(Mutex::new(Data::new(usize::from(shards))));
        Self::on(data, clock, hints)
    }

    /// Another process on the same data.
    fn on(data: Arc<Mutex<Data>>, clock: Arc<dyn Clock>, hints: Arc<InProcessHints>) -> Self {
        let mut locked = data.lock().unwrap_or_else(PoisonError::into_inner);
        locked.hints.push(hints);
        let shards = locked.events.len();
        drop(locked);
        Self {
            data,
            shards: (0..).map(ShardId).take(shards).collect(),
            clock,
            is_closed: Mutex::new(false),
        }
    }

    /// Commits one decision at once.
    ///
    /// # Errors
    /// As [`OrderWriter::commit`].
    pub fn write(&self, write: Write) -> Result<Committed, CommitError> {
        self.data().apply(write, &*self.clock)
    }

    /// Erases an order at once.
    ///
    /// # Errors
    /// As [`OrderWriter::erase`].
    pub fn erase_now(&self, erasure: Erasure) -> Result<EventPosition, CommitError> {
        self.data().erase(erasure)
    }

    /// Restores a shard from a backup whose last event was that at `seq`: what follows is another history.
    pub fn restore(&self, shard: ShardId, seq: Seq) {
        self.data().restore(shard, seq);
    }

    /// An order, if there is one.
    #[must_use]
    pub fn find_order(&self, id: OrderId) -> Option<Arc<Order>> {
        self.data().orders.get(&id).cloned()
    }

    /// All orders, the oldest first.
    #[must_use]
    pub fn orders(&self) -> Vec<Arc<Order>> {
        self.data().orders.values().cloned().collect()
    }

    /// How many orders have a status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.data().counts.get(status)
    }

    /// The statuses that an order has gone through.
    #[must_use]
    pub fn statuses(&self, id: OrderId) -> Vec<Status> {
        let data = self.data();
        let shard = data.shard_of(id.bucket());
        let events = data.events[usize::from(shard.0)].iter();
        let of_order = events.filter(|found| found.event.order_id == id);
        of_order.filter_map(|found| found.event.status()).collect()
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> MutexGuard<'_, bool> {
        self.is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing is written for a caller that waits until `deadline`.
    fn refusal(&self, shard: ShardId, deadline: Deadline) -> Option<StoreError> {
        if *self.is_closed() {
            let reason = "closed".to_owned();
            return Some(StoreError::Unavailable { shard, reason });
        }
        (deadline < tokio::time::Instant::now()).then_some(StoreError::Expired)
    }
}

impl Sharded for InMemoryStore {
    fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.data().shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for InMemoryStore {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        tokio::task::yield_now().await;
        let answers = writes.into_iter().map(|write| {
            let shard = self.shard_of(write.decision.order.id.bucket());
            match self.refusal(shard, deadline) {
                Some(refusal) => Err(refusal.into()),
                None => self.write(write),
            }
        });
        answers.collect()
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        tokio::task::yield_now().await;
        let shard = self.shard_of(erasure.event.order_id.bucket());
        match self.refusal(shard, deadline) {
            Some(refusal) => Err(refusal.into()),
            None => self.erase_now(erasure),
        }
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        let reason = match self.shards.contains(&shard) {
            true if !*self.is_closed() => return Ok(()),
            true => "closed",
            false => "there is no such shard",
        };
        Err(StoreError::Unavailable {
            shard,
            reason: reason.to_owned(),
        })
    }

    async fn close(&self) {
        *self.is_closed() = true;
    }
}

#[async_trait]
impl OrderReader for InMemoryStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(self.data().orders.get(&id).cloned())
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let data = self.data();
        let found = data.external_ids.get(&(user.clone(), external_id.clone()));
        Ok(found.map(|(_, id)| Arc::clone(&data.orders[id])))
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        let data = self.data();
        let mut orders = Vec::new();
        let mut last = None;
        let older = data
            .orders
            .iter()
            .rev()
            .filter(|(id, _)| query.before.is_none_or(|before| **id < before))
            .filter(|(_, order)| {
                let wanted = query.filter.external_id.as_ref();
                wanted.is_none_or(|wanted| order.external_id.as_ref() == Some(wanted))
            });
        for (looked_at, (id, order)) in older.enumerate() {
            if looked_at == query.scan_limit || orders.len() == query.limit {
                let next_before = last;
                return Ok(OrderPage {
                    orders,
                    next_before,
                });
            }
            last = Some(*id);
            if query.filter.matches(order) {
                orders.push(Arc::clone(order));
            }
        }
        let next_before = None;
        Ok(OrderPage {
            orders,
            next_before,
        })
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.data().counts)
    }
}

#[async_trait]
impl EventFeed for InMemoryStore {
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        let data = self.data();
        if !data.orders.contains_key(&id) {
            return Ok(None);
        }
        let shard = data.shard_of(id.bucket());
        let of_order = data.events[usize::from(shard.0)].iter().filter(|found| {
            found.event.order_id == id && after.is_none_or(|after| found.event.version > after)
        });
        Ok(Some(of_order.take(limit).cloned().collect()))
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        tokio::task::yield_now().await;
        let data = self.data();
        let events = &data.events[usize::from(shard.0)];
        let from = usize::try_from(after.0).expect("a seq fits");
        let events: Vec<SequencedEvent> = events.iter().skip(from).take(limit).cloned().collect();
        let of_page = events.iter().filter(|found| {
            content == EventContent::EventsAndOrders && !found.event.is_tombstone()
        });
        let order_of = |found: &SequencedEvent| {
            let id = found.event.order_id;
            (id, Arc::clone(&data.orders[&id]))
        };
        Ok(EventPage {
            orders: of_page.map(order_of).collect(),
            events,
            head: data.head(shard),
        })
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        let data = self.data();
        let Some(before) = seq.0.checked_sub(1) else {
            return Ok(Some(EventPosition::default()));
        };
        let at = usize::try_from(before).expect("a seq fits");
        let event = data.events[usize::from(shard.0)].get(at);
        Ok(event.map(SequencedEvent::position))
    }
}

#[async_trait]
impl WorkQueue for InMemoryStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let mut data = self.data();
        let due = data.due.due(shard, limits, &*self.clock);
        Ok(data.claim(due, lease, &*self.clock))
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let mut data = self.data();
        let due = data.due.due_quarantined(shard, &*self.clock);
        Ok(data.claim(due, lease, &*self.clock).into_iter().next())
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let mut data = self.data();
        let until = self.clock.monotonic() + lease;
        let (held, lost): (Vec<Claim>, Vec<Claim>) =
            claims.iter().partition(|claim| data.is_held(claim));
        for claim in held {
            data.leases.insert(claim.order_id, until);
        }
        Ok(lost)
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let mut data = self.data();
        let now = self.clock.monotonic();
        let lost: Vec<OrderId> = data
            .leases
            .iter()
            .filter(|(id, until)| data.shard_of(id.bucket()) == shard && **until <= now)
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        let mut rescued = Vec::new();
        for id in lost {
            let decision = data.orders[&id]
                .lose_lease(policy.max_attempts, policy.delay, self.clock.now())
                .expect("an order with a lease is PROCESSING");
            rescued.push(Arc::clone(&decision.order));
            data.record(decision, &*self.clock);
        }
        Ok(rescued)
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        Ok(self.data().due.next_due(shard, &*self.clock))
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        Ok(self.data().due.oldest_age(shard, &*self.clock))
    }
}
