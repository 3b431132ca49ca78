//! The data of the store in memory, and every change of it: what a real store does in a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    BucketRound, Claim, ClaimLimits, Clock, CommitError, Committed, Erasure, Guard, Ids,
    SequencedEvent, Write,
};
use application::system::{ManualClock, SystemIds};
use domain::{
    Decision, Event, EventPosition, ExternalId, Fingerprint, IdempotencyKey, Job, Lane, Order,
    OrderId, Seq, ShardId, Status, Timestamp, UserId,
};

/// What a real store has on its disk.
#[derive(Default)]
pub(super) struct Data {
    pub(super) orders: BTreeMap<OrderId, Arc<Order>>,
    pub(super) events: [Vec<SequencedEvent>; 2],
    pub(super) keys: HashMap<(UserId, IdempotencyKey), (Fingerprint, OrderId)>,
    pub(super) external_ids: HashMap<(UserId, ExternalId), (Option<Fingerprint>, OrderId)>,
    pub(super) due: HashMap<OrderId, (Due, u64)>,
    pub(super) leases: HashMap<OrderId, Duration>,
    /// Of each shard and lane.
    pub(super) rounds: [[BucketRound; 3]; 2],
    pub(super) erased: HashSet<OrderId>,
    pub(super) hints: Vec<Arc<InProcessHints>>,
}

/// When a job is due.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// By the monotonic clock.
    Monotonic(Duration),
    /// By the wall clock.
    Wall(Timestamp),
}

impl Due {
    /// Milliseconds until then; negative once it has passed.
    pub(super) fn wait_ms(self, clock: &ManualClock) -> i128 {
        let ms = |duration: Duration| i128::try_from(duration.as_millis()).expect("it fits");
        match self {
            Self::Monotonic(due) => ms(due) - ms(clock.monotonic()),
            Self::Wall(due) => i128::from(due.as_millis()) - i128::from(clock.now().as_millis()),
        }
    }
}

pub(super) fn shard_of(id: OrderId) -> ShardId {
    ShardId(u16::from(!id.bucket().is_first_half_of_alphabet()))
}

impl Data {
    pub(super) fn conflict(&self, write: &Write) -> Option<Result<Committed, CommitError>> {
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

    pub(super) fn apply(&mut self, write: Write, now: Duration) -> Result<Committed, CommitError> {
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

    pub(super) fn record(&mut self, decision: Decision, now: Duration) -> Seq {
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

    pub(super) fn head(&self, shard: ShardId) -> EventPosition {
        let events = &self.events[usize::from(shard.0)];
        let last = events.last().map(SequencedEvent::position);
        last.unwrap_or_default()
    }

    pub(super) fn append(&mut self, event: Event) -> EventPosition {
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

    pub(super) fn erase(&mut self, erasure: Erasure) -> Result<EventPosition, CommitError> {
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
    pub(super) fn due(&self, shard: ShardId, clock: &ManualClock) -> Vec<OrderId> {
        let of_shard = self.due.iter().filter(|(id, _)| shard_of(**id) == shard);
        let mut due: Vec<_> = of_shard
            .map(|(id, (due, seq))| (due.wait_ms(clock), *seq, *id))
            .filter(|(wait_ms, ..)| *wait_ms <= 0)
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }

    /// The due orders of a shard that are not quarantined, as a claim within `limits` takes them.
    pub(super) fn due_in_lanes(
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
    pub(super) fn due_quarantined(&self, shard: ShardId, clock: &ManualClock) -> Option<OrderId> {
        let due = self.due(shard, clock);
        due.into_iter().find(|id| self.orders[id].is_quarantined())
    }

    /// Claims these orders, which are due.
    pub(super) fn claim(
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

    pub(super) fn is_held(&self, claim: &Claim) -> bool {
        self.orders
            .get(&claim.order_id)
            .is_some_and(|order| order.version == claim.token && order.status == Status::Processing)
    }
}
