//! The plainest store that keeps every promise: maps behind one lock. The suite is tested on it, whole and broken, and
//! tests of use cases run on it. It is opened as the suite opens any store ([`InMemory`]).
//!
//! Its processes share the maps, so that the behaviours of two processes run here too. Nothing of it is on a disk.

mod opened;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    BucketRound, Claim, ClaimLimits, Clock, CommitError, Committed, Counts, Deadline, Dispatch,
    Erasure, EventPage, Guard, Ids, ListQuery, NextDue, OrderPage, OrderStore, RescuePolicy,
    SequencedEvent, Settle, StatusBus, StoreError, Write,
};
use application::system::{ManualClock, SystemIds};
use async_trait::async_trait;
use domain::{
    Bucket, Decision, Event, EventPosition, ExternalId, Fingerprint, IdempotencyKey, Job, Lane,
    Order, OrderId, Seq, ShardId, Status, Timestamp, UserId, Version,
};

pub use opened::InMemory;

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// What a real store has on its disk.
#[derive(Default)]
struct Data {
    orders: BTreeMap<OrderId, Arc<Order>>,
    events: [Vec<SequencedEvent>; 2],
    keys: HashMap<(UserId, IdempotencyKey), (Fingerprint, OrderId)>,
    external_ids: HashMap<(UserId, ExternalId), (Option<Fingerprint>, OrderId)>,
    due: HashMap<OrderId, (Due, u64)>,
    leases: HashMap<OrderId, Duration>,
    /// Of each shard and lane.
    rounds: [[BucketRound; 3]; 2],
    erased: HashSet<OrderId>,
    hints: Vec<Arc<InProcessHints>>,
}

/// When a job is due.
#[derive(Clone, Copy)]
enum Due {
    /// By the monotonic clock.
    Monotonic(Duration),
    /// By the wall clock.
    Wall(Timestamp),
}

impl Due {
    /// Milliseconds until then; negative once it has passed.
    fn wait_ms(self, clock: &ManualClock) -> i128 {
        let ms = |duration: Duration| i128::try_from(duration.as_millis()).expect("it fits");
        match self {
            Self::Monotonic(due) => ms(due) - ms(clock.monotonic()),
            Self::Wall(due) => i128::from(due.as_millis()) - i128::from(clock.now().as_millis()),
        }
    }
}

fn shard_of(id: OrderId) -> ShardId {
    ShardId(u16::from(!id.bucket().is_first_half_of_alphabet()))
}

impl Data {
    fn conflict(&self, write: &Write) -> Option<Result<Committed, CommitError>> {
        let order = &write.decision.order;
        match &write.guard {
            Guard::At { version, status } => {
                let current = self.orders.get(&order.id);
                let holds =
                    current.is_some_and(|now| now.version == *version && now.status == *status);
                (!holds).then_some(Err(CommitError::Stale))
            }
            Guard::New { key, fingerprint } => {
                if let Some(key) = key
                    && let Some((bound, id)) = self.keys.get(&(order.user_id.clone(), key.clone()))
                {
                    return Some(if Some(*bound) == *fingerprint {
                        Ok(Committed::Replayed(Arc::clone(&self.orders[id])))
                    } else {
                        Err(CommitError::KeyReused)
                    });
                }
                if let Some(external_id) = &order.external_id
                    && let Some((bound, id)) = self
                        .external_ids
                        .get(&(order.user_id.clone(), external_id.clone()))
                {
                    return Some(if *bound == *fingerprint {
                        Ok(Committed::Existing(Arc::clone(&self.orders[id])))
                    } else {
                        Err(CommitError::ExternalIdTaken)
                    });
                }
                let is_taken =
                    self.orders.contains_key(&order.id) || self.erased.contains(&order.id);
                is_taken.then(|| Err(CommitError::Refused("the id is taken".to_owned())))
            }
        }
    }

    fn apply(&mut self, write: Write, now: Duration) -> Result<Committed, CommitError> {
        if let Some(answer) = self.conflict(&write) {
            return answer;
        }
        let order = Arc::clone(&write.decision.order);
        if let Guard::New { key, fingerprint } = write.guard {
            if let (Some(key), Some(fingerprint)) = (key, fingerprint) {
                let key = (order.user_id.clone(), key);
                self.keys.insert(key, (fingerprint, order.id));
            }
            if let Some(external_id) = order.external_id.clone() {
                let key = (order.user_id.clone(), external_id);
                self.external_ids.insert(key, (fingerprint, order.id));
            }
        }
        let seq = self.record(write.decision, now);
        Ok(Committed::Written { seq })
    }

    fn record(&mut self, decision: Decision, now: Duration) -> Seq {
        let id = decision.order.id;
        self.leases.remove(&id);
        self.due.remove(&id);
        let mut last = self.head(shard_of(id));
        for event in decision.earlier.into_iter().chain([decision.event]) {
            last = self.append(event);
        }
        let due = match decision.job {
            Job::DueIn(delay) => Some(Due::Monotonic(now + delay)),
            Job::DueAt(time) => Some(Due::Wall(time)),
            Job::Leased | Job::Nothing => None,
        };
        self.due.extend(due.map(|due| (id, (due, last.seq.0))));
        self.orders.insert(id, decision.order);
        last.seq
    }

    fn head(&self, shard: ShardId) -> EventPosition {
        let events = &self.events[usize::from(shard.0)];
        let last = events.last().map(SequencedEvent::position);
        last.unwrap_or_default()
    }

    fn append(&mut self, event: Event) -> EventPosition {
        let events = &mut self.events[usize::from(shard_of(event.order_id).0)];
        let found = SequencedEvent {
            seq: Seq(events.len() as u64 + 1),
            bits: (SystemIds.random() >> 32) as u32,
            event: Arc::new(event),
        };
        let position = found.position();
        events.push(found);
        position
    }

    fn erase(&mut self, erasure: Erasure) -> Result<EventPosition, CommitError> {
        let id = erasure.event.order_id;
        let order = self.orders.get(&id);
        let holds =
            |order: &Arc<Order>| order.version == erasure.version && order.status == erasure.status;
        if !order.is_some_and(holds) {
            return Err(CommitError::Stale);
        }
        self.orders.remove(&id);
        self.erased.insert(id);
        self.due.remove(&id);
        self.leases.remove(&id);
        self.keys.retain(|_, (_, bound)| *bound != id);
        self.external_ids.retain(|_, (_, bound)| *bound != id);
        let events = &mut self.events[usize::from(shard_of(id).0)];
        for found in events.iter_mut().filter(|found| found.event.order_id == id) {
            found.event = Arc::new(found.event.tombstone());
        }
        Ok(self.append(erasure.event))
    }

    /// The orders of a shard whose work is due, oldest due first.
    fn due(&self, shard: ShardId, clock: &ManualClock) -> Vec<OrderId> {
        let of_shard = self.due.iter().filter(|(id, _)| shard_of(**id) == shard);
        let mut due: Vec<_> = of_shard
            .map(|(id, (due, seq))| (due.wait_ms(clock), *seq, *id))
            .filter(|(wait_ms, ..)| *wait_ms <= 0)
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }

    /// The due orders of a shard that are not quarantined, as a claim within `limits` takes them.
    fn due_in_lanes(
        &mut self,
        shard: ShardId,
        limits: ClaimLimits,
        clock: &ManualClock,
    ) -> Vec<OrderId> {
        let mut due = self.due(shard, clock);
        due.retain(|id| !self.orders[id].is_quarantined());
        let due: Vec<_> = due.iter().map(|id| (self.orders[id].lane(), *id)).collect();
        let count = |lane| due.iter().filter(|(of, _)| *of == lane).count();
        let allotted = limits.allot(Lane::ALL.map(count));
        let mut taken = Vec::new();
        for lane in Lane::ALL {
            let of_lane = due.iter().filter(|(of, _)| *of == lane);
            let of_lane = of_lane.map(|(_, id)| (id.bucket(), *id));
            let round = &mut self.rounds[usize::from(shard.0)][lane.index()];
            taken.extend(round.take(of_lane, allotted[lane.index()]));
        }
        taken
    }

    /// The due orders of a shard that are quarantined, the one that is due for longest first.
    fn due_quarantined(&self, shard: ShardId, clock: &ManualClock) -> Option<OrderId> {
        let due = self.due(shard, clock);
        due.into_iter().find(|id| self.orders[id].is_quarantined())
    }

    /// Claims these orders, which are due.
    fn claim(
        &mut self,
        due: impl IntoIterator<Item = OrderId>,
        lease: Duration,
        clock: &ManualClock,
    ) -> Vec<Arc<Order>> {
        let now = clock.monotonic();
        let claim = |id| {
            let order: &Arc<Order> = &self.orders[&id];
            let decision = order
                .claim(clock.now())
                .expect("a job that waits belongs to an order that can be claimed");
            let claimed = Arc::clone(&decision.order);
            self.record(decision, now);
            self.leases.insert(id, now + lease);
            claimed
        };
        due.into_iter().map(claim).collect()
    }

    fn is_held(&self, claim: &Claim) -> bool {
        self.orders
            .get(&claim.order_id)
            .is_some_and(|order| order.version == claim.token && order.status == Status::Processing)
    }
}

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
            hints.committed(shard, seq);
            hints.work_is_due(shard);
        }
    }
}

#[async_trait]
impl OrderStore for InMemoryStore {
    fn shards(&self) -> &[ShardId] {
        &SHARDS
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        ShardId(u16::from(!bucket.is_first_half_of_alphabet()))
    }

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

    async fn settle(
        &self,
        shard: ShardId,
        limit: usize,
        settle: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let mut data = self.data();
        let now = self.clock.monotonic();
        let mut settled = Vec::new();
        let mut due = data.due_in_lanes(shard, ClaimLimits::any(limit), &self.clock);
        let quarantined = data.due(shard, &self.clock).into_iter();
        let quarantined = quarantined.filter(|id| data.orders[id].is_quarantined());
        due.extend(quarantined.take(limit - due.len()));
        for id in due {
            let claim = data.orders[&id]
                .claim(self.clock.now())
                .expect("a job that waits belongs to an order that can be claimed");
            let outcome = settle.settle(&claim.order);
            let decision = claim.then(outcome.decision);
            settled.push(Arc::clone(&decision.order));
            data.record(decision, now);
        }
        Self::hint(&data, shard);
        Ok(settled)
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
            if looked_at == query.look_at_most || orders.len() == query.limit {
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

    async fn events(
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

    async fn counts(&self) -> Result<Counts, StoreError> {
        let data = self.data();
        let mut counts = Counts::default();
        counts.erased = data.erased.len() as u64;
        for order in data.orders.values() {
            counts.set(order.status, counts.get(order.status) + 1);
        }
        Ok(counts)
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
