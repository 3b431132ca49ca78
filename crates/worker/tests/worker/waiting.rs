//! The waiting orders of a store in memory, in lanes: claims cost the same however many orders wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use application::ports::{BucketRound, ClaimLimits, Clock, PER_BUCKET};
use domain::{Bucket, Lane, Order, OrderId, ShardId, Timestamp};
use tokio::time::Instant;

/// Where an order waits: its shard, and its lane unless it is quarantined.
type Queue = (ShardId, Option<Lane>);

/// The orders of one queue.
#[derive(Default)]
struct Orders {
    by_time: BTreeSet<(Instant, OrderId)>,
    by_bucket: BTreeMap<Bucket, BTreeSet<(Instant, OrderId)>>,
    round: BucketRound,
}

/// All waiting orders.
#[derive(Default)]
pub struct Waiting {
    queues: HashMap<Queue, Orders>,
    /// Where each order is and when it is due.
    places: HashMap<OrderId, (Queue, Instant)>,
    /// Orders that are due at a time of the wall clock.
    later: BTreeMap<OrderId, (Queue, Timestamp)>,
}

fn queue_of(order: &Order, shard: ShardId) -> Queue {
    (shard, (!order.is_quarantined()).then(|| order.lane()))
}

impl Waiting {
    pub fn insert(&mut self, order: &Order, shard: ShardId, due: Instant) {
        self.insert_in(queue_of(order, shard), order.id, due);
    }

    pub fn insert_later(&mut self, order: &Order, shard: ShardId, due: Timestamp) {
        self.later.insert(order.id, (queue_of(order, shard), due));
    }

    fn insert_in(&mut self, queue: Queue, id: OrderId, due: Instant) {
        let orders = self.queues.entry(queue).or_default();
        orders.by_time.insert((due, id));
        let of_bucket = orders.by_bucket.entry(id.bucket()).or_default();
        of_bucket.insert((due, id));
        self.places.insert(id, (queue, due));
    }

    pub fn remove(&mut self, id: OrderId) {
        self.later.remove(&id);
        let Some((queue, due)) = self.places.remove(&id) else {
            return;
        };
        let orders = self.queues.get_mut(&queue).unwrap();
        orders.by_time.remove(&(due, id));
        let of_bucket = orders.by_bucket.get_mut(&id.bucket()).unwrap();
        of_bucket.remove(&(due, id));
        if of_bucket.is_empty() {
            orders.by_bucket.remove(&id.bucket());
        }
    }

    /// Moves orders whose time of the wall clock has come to those that are due.
    fn let_come(&mut self, clock: &dyn Clock) {
        let now = clock.now();
        let come: Vec<_> = self
            .later
            .iter()
            .filter(|(_, (_, due))| *due <= now)
            .map(|(id, (queue, _))| (*id, *queue))
            .collect();
        for (id, queue) in come {
            self.later.remove(&id);
            self.insert_in(queue, id, Instant::now());
        }
    }

    /// The due orders of a shard that a claim takes. They go on waiting until they are removed.
    pub fn due(&mut self, shard: ShardId, limits: ClaimLimits, clock: &dyn Clock) -> Vec<OrderId> {
        self.let_come(clock);
        let now = Instant::now();
        let due = Lane::ALL.map(|lane| {
            let orders = self.queues.get(&(shard, Some(lane)));
            let due = orders.into_iter().flat_map(|orders| &orders.by_time);
            due.take_while(|(at, _)| *at <= now)
                .take(limits.total)
                .count()
        });
        let mut taken = Vec::new();
        for (lane, wanted) in Lane::ALL.into_iter().zip(limits.allot(due)) {
            if let Some(orders) = self.queues.get_mut(&(shard, Some(lane))) {
                taken.extend(orders.take(wanted, now));
            }
        }
        taken
    }

    /// The quarantined order of a shard that is due for longest.
    pub fn due_quarantined(&mut self, shard: ShardId, clock: &dyn Clock) -> Option<OrderId> {
        self.let_come(clock);
        let orders = self.queues.get(&(shard, None))?;
        let (due, id) = orders.by_time.first()?;
        (*due <= Instant::now()).then_some(*id)
    }

    /// When the next order of a queue is due, by tokio's time.
    pub fn next_due(&self, queue: Queue, clock: &dyn Clock) -> Option<Instant> {
        let now = (Instant::now(), clock.now().as_millis());
        let later = self.later.values().filter(|(of, _)| *of == queue);
        let later = later.map(|(_, due)| {
            let ahead_ms = due.as_millis().saturating_sub(now.1);
            now.0 + std::time::Duration::from_millis(ahead_ms)
        });
        let orders = self.queues.get(&queue);
        let first = orders.and_then(|orders| orders.by_time.first());
        later.chain(first.map(|(due, _)| *due)).min()
    }
}

impl Orders {
    /// Round the buckets, at most [`PER_BUCKET`] orders of one at its turn; there are at least `wanted` due ones.
    fn take(&mut self, wanted: usize, now: Instant) -> Vec<OrderId> {
        let mut taken: Vec<OrderId> = Vec::new();
        let mut of_bucket: HashMap<Bucket, usize> = HashMap::new();
        while taken.len() < wanted {
            let bucket = self.round.next(&self.by_bucket).unwrap();
            let before = of_bucket.entry(bucket).or_default();
            let due = self.by_bucket[&bucket]
                .iter()
                .take_while(|(at, _)| *at <= now)
                .skip(*before)
                .take(PER_BUCKET.min(wanted - taken.len()));
            let length = taken.len();
            taken.extend(due.map(|(_, id)| *id));
            *before += taken.len() - length;
        }
        taken
    }
}
