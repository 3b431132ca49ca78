//! The plainest store that keeps every promise: maps behind one lock. The suite is tested on it, whole and broken, and
//! tests of use cases run on it. It is opened as the suite opens any store ([`InMemory`]).
//!
//! Its processes share the maps, so that the behaviours of two processes run here too. Nothing of it is on a disk.

mod data;
mod opened;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, CommitHint, CommitHints as _, Committed, Counts,
    Deadline, Erasure, EventFeed, EventPage, ListQuery, NextDue, OrderPage, OrderReader,
    OrderWriter, RescuePolicy, SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use application::system::ManualClock;
use async_trait::async_trait;
use domain::{
    Bucket, EventPosition, ExternalId, Lane, Order, OrderId, Seq, ShardId, UserId, Version,
};

use data::{Data, shard_of};
pub use opened::InMemory;

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// One process on the data.
pub struct InMemoryStore {
    data: Arc<Mutex<Data>>,
    clock: Arc<ManualClock>,
    is_closed: Mutex<bool>,
}

impl InMemoryStore {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> MutexGuard<'_, bool> {
        self.is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn hint(data: &Data, shard: ShardId) {
        let seq = Seq(data.events[usize::from(shard.0)].len() as u64);
        for hints in &data.hints {
            let work_is_due = true;
            hints.committed(shard, CommitHint { seq, work_is_due });
        }
    }
}

impl Sharded for InMemoryStore {
    fn shards(&self) -> &[ShardId] {
        &SHARDS
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        ShardId(u16::from(!bucket.is_first_half_of_alphabet()))
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
        let is_closed = self.is_closed();
        let mut data = self.data();
        let now = self.clock.monotonic();
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            let shard = shard_of(write.decision.order.id);
            if *is_closed {
                let reason = "closed".to_owned();
                answers.push(Err(StoreError::Unavailable { shard, reason }.into()));
            } else if deadline < tokio::time::Instant::now() {
                answers.push(Err(StoreError::Expired.into()));
            } else {
                answers.push(data.apply(write, now));
                Self::hint(&data, shard);
            }
        }
        answers
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        tokio::task::yield_now().await;
        let is_closed = self.is_closed();
        let mut data = self.data();
        let shard = shard_of(erasure.event.order_id);
        if *is_closed {
            let reason = "closed".to_owned();
            return Err(StoreError::Unavailable { shard, reason }.into());
        }
        if deadline < tokio::time::Instant::now() {
            return Err(StoreError::Expired.into());
        }
        let position = data.erase(erasure)?;
        Self::hint(&data, shard);
        Ok(position)
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        let reason = match SHARDS.contains(&shard) {
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
        let data = self.data();
        let mut counts = Counts::default();
        counts.erased = data.erased.len() as u64;
        for order in data.orders.values() {
            counts.set(order.status, counts.get(order.status) + 1);
        }
        Ok(counts)
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
        let events = data.events[usize::from(shard_of(id).0)].iter();
        let of_order = events.filter(|found| {
            found.event.order_id == id && after.is_none_or(|after| found.event.version > after)
        });
        Ok(Some(of_order.take(limit).cloned().collect()))
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        tokio::task::yield_now().await;
        let data = self.data();
        let events = &data.events[usize::from(shard.0)];
        let from = usize::try_from(after.0).expect("a seq fits");
        Ok(EventPage {
            events: events.iter().skip(from).take(limit).cloned().collect(),
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
        let due = data.due_in_lanes(shard, limits, &self.clock);
        let claimed = data.claim(due, lease, &self.clock);
        Self::hint(&data, shard);
        Ok(claimed)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let mut data = self.data();
        let due = data.due_quarantined(shard, &self.clock);
        let claimed = data.claim(due, lease, &self.clock);
        Self::hint(&data, shard);
        Ok(claimed.into_iter().next())
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
            .filter(|(id, until)| shard_of(**id) == shard && **until <= now)
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        let mut rescued = Vec::new();
        for id in lost {
            let decision = data.orders[&id]
                .lose_lease(policy.max_attempts, policy.delay, self.clock.now())
                .expect("a leased order is PROCESSING");
            rescued.push(Arc::clone(&decision.order));
            data.record(decision, now);
        }
        Self::hint(&data, shard);
        Ok(rescued)
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        let data = self.data();
        let next = |lane: Option<Lane>| {
            let of_shard = data.due.iter().filter(|(id, _)| shard_of(**id) == shard);
            let of_lane = of_shard.filter(|(id, _)| {
                let order = &data.orders[id];
                let of = (!order.is_quarantined()).then(|| order.lane());
                of == lane
            });
            let wait_ms = of_lane
                .map(|(_, (due, _))| due.wait_ms(&self.clock))
                .min()?;
            Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
        };
        Ok(NextDue {
            lanes: Lane::ALL.map(|lane| next(Some(lane))),
            quarantined: next(None),
        })
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        let data = self.data();
        let of_shard = data.due.iter().filter(|(id, _)| shard_of(**id) == shard);
        let waits = of_shard.map(|(_, (due, _))| due.wait_ms(&self.clock));
        let oldest = waits.filter(|wait_ms| *wait_ms <= 0).min();
        Ok(oldest.map(|ms| Duration::from_millis(u64::try_from(-ms).unwrap_or(u64::MAX))))
    }
}
