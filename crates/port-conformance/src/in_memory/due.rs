//! The orders that wait for a worker, in queues: a claim costs the same however many orders wait. Used by `data`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use application::ports::{ClaimLimits, Clock, NextDue, PER_BUCKET};
use domain::{Bucket, Job, Lane, Order, OrderId, Seq, ShardId, Timestamp};

use super::bucket_round::BucketRound;

/// Where an order waits: its shard, and its lane unless it is quarantined.
type QueueName = (ShardId, Option<Lane>);

/// When an order is due by the monotonic clock. Orders that are due at one time come in the order of their commits.
type DueAt = (Duration, Seq, OrderId);

#[derive(Default)]
struct Queue {
    by_time: BTreeSet<DueAt>,
    by_bucket: BTreeMap<Bucket, BTreeSet<DueAt>>,
    round: BucketRound,
}

/// All waiting orders.
#[derive(Default)]
pub(super) struct DueOrders {
    queues: HashMap<QueueName, Queue>,
    entries: HashMap<OrderId, (QueueName, DueAt)>,
    /// Orders that are due at a time of the wall clock which it had not reached yet.
    later: HashMap<OrderId, (QueueName, Seq, Timestamp)>,
}

impl DueOrders {
    /// Lets `order` wait as `job` says; its event is at `seq`.
    pub(super) fn insert(
        &mut self,
        shard: ShardId,
        order: &Order,
        job: Job,
        seq: Seq,
        clock: &dyn Clock,
    ) {
        let name = (shard, (!order.is_quarantined()).then(|| order.lane()));
        match job {
            Job::DueIn(delay) => self.put(name, (clock.monotonic() + delay, seq, order.id)),
            Job::DueAt(time) => drop(self.later.insert(order.id, (name, seq, time))),
            Job::Leased | Job::Nothing => {}
        }
    }

    fn put(&mut self, name: QueueName, due: DueAt) {
        let queue = self.queues.entry(name).or_default();
        queue.by_time.insert(due);
        let of_bucket = queue.by_bucket.entry(due.2.bucket()).or_default();
        of_bucket.insert(due);
        self.entries.insert(due.2, (name, due));
    }

    pub(super) fn remove(&mut self, id: OrderId) {
        self.later.remove(&id);
        let Some((name, due)) = self.entries.remove(&id) else {
            return;
        };
        let Some(queue) = self.queues.get_mut(&name) else {
            return;
        };
        queue.by_time.remove(&due);
        if let Some(of_bucket) = queue.by_bucket.get_mut(&id.bucket()) {
            of_bucket.remove(&due);
            if of_bucket.is_empty() {
                queue.by_bucket.remove(&id.bucket());
            }
        }
    }

    /// Moves orders whose time the wall clock has reached to those that are due.
    fn move_reached(&mut self, clock: &dyn Clock) {
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let reached: Vec<_> = self
            .later
            .iter()
            .filter(|(_, (_, _, time))| *time <= wall)
            .map(|(id, entry)| (*id, *entry))
            .collect();
        for (id, (name, seq, time)) in reached {
            self.later.remove(&id);
            let overdue = Duration::from_millis(wall.as_millis() - time.as_millis());
            self.put(name, (monotonic.saturating_sub(overdue), seq, id));
        }
    }

    /// The due orders of a shard that a claim within `limits` takes. They wait until they are removed.
    pub(super) fn due(
        &mut self,
        shard: ShardId,
        limits: ClaimLimits,
        clock: &dyn Clock,
    ) -> Vec<OrderId> {
        self.move_reached(clock);
        let now = clock.monotonic();
        let due = Lane::ALL.map(|lane| {
            let queue = self.queues.get(&(shard, Some(lane)));
            let due = queue.into_iter().flat_map(|queue| &queue.by_time);
            due.take_while(|(at, ..)| *at <= now)
                .take(limits.total)
                .count()
        });
        let mut taken = Vec::new();
        for (lane, wanted) in Lane::ALL.into_iter().zip(limits.allot(due)) {
            if let Some(queue) = self.queues.get_mut(&(shard, Some(lane))) {
                queue.take(wanted, now, &mut taken);
            }
        }
        taken
    }

    /// The quarantined order of a shard that is due for longest.
    pub(super) fn due_quarantined(&mut self, shard: ShardId, clock: &dyn Clock) -> Option<OrderId> {
        self.move_reached(clock);
        let (due, _, id) = self.queues.get(&(shard, None))?.by_time.first()?;
        (*due <= clock.monotonic()).then_some(*id)
    }

    /// When the next work of a shard is due.
    pub(super) fn next_due(&self, shard: ShardId, clock: &dyn Clock) -> NextDue {
        let next = |lane| self.next_of((shard, lane), clock);
        NextDue {
            lanes: Lane::ALL.map(|lane| next(Some(lane))),
            quarantined: next(None),
        }
    }

    fn next_of(&self, name: QueueName, clock: &dyn Clock) -> Option<Duration> {
        let (wall, monotonic) = (clock.now().as_millis(), clock.monotonic());
        let later = self.later.values().filter(|(of, ..)| *of == name);
        let later =
            later.map(|(_, _, time)| Duration::from_millis(time.as_millis().saturating_sub(wall)));
        let first = self
            .queues
            .get(&name)
            .and_then(|queue| queue.by_time.first());
        let first = first.map(|(due, ..)| due.saturating_sub(monotonic));
        later.chain(first).min()
    }

    /// For how long the order of a shard that is due for longest has waited.
    pub(super) fn oldest_age(&mut self, shard: ShardId, clock: &dyn Clock) -> Option<Duration> {
        self.move_reached(clock);
        let of_shard = self.queues.iter().filter(|((of, _), _)| *of == shard);
        let first = of_shard.filter_map(|(_, queue)| queue.by_time.first());
        let ages = first.filter_map(|(due, ..)| clock.monotonic().checked_sub(*due));
        ages.max()
    }
}

impl Queue {
    /// Takes `wanted` orders, of which there are that many due ones: round the buckets, at most [`PER_BUCKET`] of one at
    /// its turn.
    fn take(&mut self, wanted: usize, now: Duration, taken: &mut Vec<OrderId>) {
        let end = taken.len() + wanted;
        let mut given: HashMap<Bucket, usize> = HashMap::new();
        while taken.len() < end
            && let Some(bucket) = self.round.next(&self.by_bucket)
        {
            let before = given.entry(bucket).or_default();
            let due = self.by_bucket[&bucket]
                .iter()
                .take_while(|(at, ..)| *at <= now)
                .skip(*before)
                .take(PER_BUCKET.min(end - taken.len()));
            let length = taken.len();
            taken.extend(due.map(|(_, _, id)| *id));
            *before += taken.len() - length;
        }
    }
}
