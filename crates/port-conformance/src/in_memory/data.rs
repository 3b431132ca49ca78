//! The data of the store in memory, and every change of it: what a real store does in a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, Clock, CommitError, CommitHint, CommitHints as _, Committed, Counts, Erasure, Guard,
    Ids as _, SequencedEvent, Write,
};
use application::system::SystemIds;
use domain::{
    Bucket, Decision, Event, EventPosition, ExternalId, Fingerprint, IdempotencyKey, Job, Order,
    OrderId, Seq, ShardId, Status, UserId,
};

use super::due::DueOrders;

/// What a real store has on its disk.
pub(super) struct Data {
    pub(super) orders: BTreeMap<OrderId, Arc<Order>>,
    /// Of each shard.
    pub(super) events: Vec<Vec<SequencedEvent>>,
    pub(super) external_ids: HashMap<(UserId, ExternalId), (Option<Fingerprint>, OrderId)>,
    pub(super) due: DueOrders,
    pub(super) leases: HashMap<OrderId, Duration>,
    pub(super) counts: Counts,
    /// Those of every process.
    pub(super) hints: Vec<Arc<InProcessHints>>,
    keys: HashMap<(UserId, IdempotencyKey), (Fingerprint, OrderId)>,
    erased: HashSet<OrderId>,
    /// The versions of each order, for [`Data::restore`].
    versions: HashMap<OrderId, Vec<Arc<Order>>>,
}

impl Data {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            orders: BTreeMap::new(),
            events: vec![Vec::new(); shards],
            external_ids: HashMap::new(),
            due: DueOrders::default(),
            leases: HashMap::new(),
            counts: Counts::default(),
            hints: Vec::new(),
            keys: HashMap::new(),
            erased: HashSet::new(),
            versions: HashMap::new(),
        }
    }

    pub(super) fn shard_of(&self, bucket: Bucket) -> ShardId {
        let shards = u16::try_from(self.events.len()).expect("a shard's number fits");
        ShardId(bucket.get() % shards)
    }

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

    /// Writes a decision, if its guard holds.
    pub(super) fn apply(
        &mut self,
        write: Write,
        clock: &dyn Clock,
    ) -> Result<Committed, CommitError> {
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
        let seq = self.record(write.decision, clock);
        Ok(Committed::Written { seq })
    }

    /// Makes an order what was decided, and hints at it.
    pub(super) fn record(&mut self, decision: Decision, clock: &dyn Clock) -> Seq {
        let order = decision.order;
        let shard = self.shard_of(order.id.bucket());
        self.leases.remove(&order.id);
        self.due.remove(order.id);
        let mut last = self.head(shard);
        for event in decision.earlier.into_iter().chain([decision.event]) {
            last = self.append(event);
        }
        self.due
            .insert(shard, &order, decision.job, last.seq, clock);
        self.versions
            .entry(order.id)
            .or_default()
            .push(Arc::clone(&order));
        let before = self.orders.insert(order.id, Arc::clone(&order));
        self.count(before.as_deref(), Some(&order));
        let work_is_due = matches!(decision.job, Job::DueIn(Duration::ZERO) | Job::DueAt(_));
        self.hint(shard, last.seq, work_is_due);
        last.seq
    }

    fn hint(&self, shard: ShardId, seq: Seq, work_is_due: bool) {
        for hints in &self.hints {
            hints.committed(shard, CommitHint { seq, work_is_due });
        }
    }

    fn count(&mut self, before: Option<&Order>, after: Option<&Order>) {
        if let Some(before) = before {
            let count = self.counts.get(before.status);
            self.counts.set(before.status, count - 1);
        }
        if let Some(after) = after {
            let count = self.counts.get(after.status);
            self.counts.set(after.status, count + 1);
        }
    }

    pub(super) fn head(&self, shard: ShardId) -> EventPosition {
        let events = &self.events[usize::from(shard.0)];
        let last = events.last().map(SequencedEvent::position);
        last.unwrap_or_default()
    }

    fn append(&mut self, event: Event) -> EventPosition {
        let shard = self.shard_of(event.order_id.bucket());
        let events = &mut self.events[usize::from(shard.0)];
        let found = SequencedEvent {
            seq: Seq(events.len() as u64 + 1),
            bits: (SystemIds.random() >> 32) as u32,
            event: Arc::new(event),
        };
        let position = found.position();
        events.push(found);
        position
    }

    pub(super) fn erase(&mut self, erasure: Erasure) -> Result<EventPosition, CommitError> {
        let id = erasure.event.order_id;
        let holds = |order: &&Arc<Order>| {
            order.version == erasure.version && order.status == erasure.status
        };
        let Some(order) = self.orders.get(&id).filter(holds).cloned() else {
            return Err(CommitError::Stale);
        };
        self.remove(&order);
        self.erased.insert(id);
        self.counts.erased += 1;
        let shard = self.shard_of(id.bucket());
        let events = &mut self.events[usize::from(shard.0)];
        for found in events.iter_mut().filter(|found| found.event.order_id == id) {
            found.event = Arc::new(found.event.tombstone());
        }
        let position = self.append(erasure.event);
        self.hint(shard, position.seq, false);
        Ok(position)
    }

    /// Removes an order and its names. Its events stay.
    fn remove(&mut self, order: &Order) {
        self.orders.remove(&order.id);
        self.count(Some(order), None);
        self.due.remove(order.id);
        self.leases.remove(&order.id);
        self.versions.remove(&order.id);
        self.keys.retain(|_, (_, bound)| *bound != order.id);
        self.external_ids.retain(|_, (_, bound)| *bound != order.id);
    }

    /// Makes a shard what it was when its last event was that at `seq`. Work that waited then does not wait again.
    pub(super) fn restore(&mut self, shard: ShardId, seq: Seq) {
        let kept = usize::try_from(seq.0).expect("a seq fits");
        let lost = self.events[usize::from(shard.0)].split_off(kept);
        for id in lost.into_iter().map(|found| found.event.order_id).rev() {
            let Some(order) = self.orders.get(&id).cloned() else {
                continue;
            };
            let mut versions = self.versions.remove(&id).unwrap_or_default();
            versions.pop();
            match versions.last().cloned() {
                Some(before) => {
                    self.due.remove(id);
                    self.leases.remove(&id);
                    self.count(Some(&order), Some(&before));
                    self.orders.insert(id, before);
                    self.versions.insert(id, versions);
                }
                None => self.remove(&order),
            }
        }
    }

    /// Claims these orders, which are due.
    pub(super) fn claim(
        &mut self,
        due: impl IntoIterator<Item = OrderId>,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Vec<Arc<Order>> {
        let claim = |id| {
            let decision = self.orders[&id]
                .claim(clock.now())
                .expect("a job that waits belongs to an order that can be claimed");
            let claimed = Arc::clone(&decision.order);
            self.record(decision, clock);
            self.leases.insert(id, clock.monotonic() + lease);
            claimed
        };
        due.into_iter().map(claim).collect()
    }

    pub(super) fn is_held(&self, claim: &Claim) -> bool {
        self.orders
            .get(&claim.order_id)
            .is_some_and(|order| order.version == claim.token && order.status == Status::Processing)
    }
}
