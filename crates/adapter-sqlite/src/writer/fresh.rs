//! New orders that wait in the log: a bounded window of them in memory, with a queue for each home bucket, so that a claim
//! reads nothing.
//!
//! The log marks the orders that were committed into the window. Whatever the window has no room for is put among the jobs
//! instead, so that the log holds no work that the window does not know. Filled by the writer after each commit, and by
//! `recovery` when the store is opened; emptied by claims (`lanes`) and by the watermarks (`watermarks`).

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Bucket, Order, OrderId, Timestamp};

use super::bucket_set::BucketSet;

/// The most orders that are kept whole, so that a claim need not read them.
const ORDERS_IN_MEMORY: usize = 4_096;

/// A new order whose work was due when it was committed.
#[derive(Debug, Clone)]
pub(crate) struct FreshWork {
    /// The seq of its creation.
    pub(crate) seq: u64,
    pub(crate) id: OrderId,
    /// When it became due.
    pub(crate) due: Timestamp,
    /// As it was created; `None` if it has to be read.
    pub(crate) order: Option<Arc<Order>>,
}

/// All work since the oldest that waits. Slots have numbers that never come again.
pub(crate) struct FreshWindow {
    /// In the order of seq.
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first_slot: u64,
    /// A queue for each bucket.
    queues: Box<[Queue]>,
    /// The buckets whose queue is not empty.
    buckets: BucketSet,
    /// How much work waits.
    len: usize,
    /// How many orders are kept whole.
    orders: usize,
    /// The most work that waits.
    limit: usize,
}

struct Slot {
    work: FreshWork,
    /// Otherwise it was taken out.
    waits: bool,
    /// The next slot of the bucket's queue.
    next: Option<u64>,
}

/// The slots of a bucket, linked. Work in the middle may have been taken out.
#[derive(Clone, Copy, Default)]
struct Queue {
    /// The first slot and the last one.
    ends: Option<(u64, u64)>,
}

impl FreshWindow {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first_slot: 0,
            queues: vec![Queue::default(); usize::from(Bucket::COUNT)].into_boxed_slice(),
            buckets: BucketSet::default(),
            len: 0,
            orders: 0,
            limit,
        }
    }

    /// Whether there is room for one more beside `coming`.
    pub(crate) fn has_room(&self, coming: usize) -> bool {
        self.len.saturating_add(coming) < self.limit
    }

    /// Whether the orders of the next commit will be kept whole, as far as can be told.
    pub(crate) fn keeps_orders(&self) -> bool {
        self.orders < ORDERS_IN_MEMORY / 4 * 3 && self.has_room(0)
    }

    /// How much work waits.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds work with a higher seq than all before.
    pub(crate) fn add(&mut self, mut work: FreshWork) {
        if self.orders >= ORDERS_IN_MEMORY {
            work.order = None;
        }
        let number = self.first_slot + self.slots.len() as u64;
        self.orders += usize::from(work.order.is_some());
        self.len += 1;
        self.slots.push_back(Slot {
            work,
            waits: true,
            next: None,
        });
        self.enqueue(number);
    }

    /// The oldest work.
    pub(crate) fn first(&self) -> Option<&FreshWork> {
        let waiting = self.slots.iter().find(|slot| slot.waits);
        waiting.map(|slot| &slot.work)
    }

    /// The work up to this seq, at most `limit`.
    pub(crate) fn up_to(&self, seq: u64, limit: usize) -> Vec<OrderId> {
        let old = self.slots.iter().take_while(|slot| slot.work.seq <= seq);
        let waiting = old.filter(|slot| slot.waits).take(limit);
        waiting.map(|slot| slot.work.id).collect()
    }

    /// The first bucket behind `after` that may have work.
    pub(crate) fn next_bucket(&self, after: Option<Bucket>) -> Option<Bucket> {
        self.buckets.next(after)
    }

    /// When the oldest work of a bucket became due.
    pub(crate) fn first_due_of(&mut self, bucket: Bucket) -> Option<Timestamp> {
        loop {
            let (first, _) = self.queue(bucket).ends?;
            let slot = self.slot(first);
            if slot.waits {
                return Some(slot.work.due);
            }
            self.dequeue(bucket);
        }
    }

    /// Takes the oldest work of a bucket out.
    pub(crate) fn take_first_of(&mut self, bucket: Bucket) -> Option<FreshWork> {
        self.first_due_of(bucket)?;
        let number = self.dequeue(bucket)?;
        Some(self.take(number))
    }

    /// Takes the work of an order out, if it waits.
    pub(crate) fn take_out(&mut self, id: OrderId) -> Option<FreshWork> {
        // It became due soon after it was created, which its id tells. A clock that was set may have it elsewhere.
        let (high, _) = id.as_uuid().as_u64_pair();
        let is_before = |slot: &Slot| slot.work.due.as_millis() < high >> 16;
        let guess = self.slots.partition_point(is_before);
        let mut positions = (guess..self.slots.len()).chain(0..guess);
        let at = positions.find(|at| self.slots[*at].work.id == id)?;
        let number = self.first_slot + at as u64;
        self.slots[at].waits.then(|| self.take(number))
    }

    /// Lets go of all work before the oldest that waits: what was taken out up to now is never put back.
    pub(crate) fn trim(&mut self) {
        while let Some(slot) = self.slots.front()
            && !slot.waits
        {
            let bucket = slot.work.id.bucket();
            if let Some((first, _)) = self.queue(bucket).ends
                && first == self.first_slot
            {
                self.dequeue(bucket);
            }
            self.slots.pop_front();
            self.first_slot += 1;
        }
    }

    /// Puts back what was taken out since the last [`FreshWindow::trim`].
    pub(crate) fn put_back(&mut self, taken: impl Iterator<Item = FreshWork>) {
        for work in taken {
            let at = self.slots.partition_point(|slot| slot.work.seq < work.seq);
            self.len += 1;
            self.orders += usize::from(work.order.is_some());
            self.slots[at].waits = true;
            self.slots[at].work = work;
        }
        self.queues.fill(Queue::default());
        self.buckets = BucketSet::default();
        for at in 0..self.slots.len() {
            self.slots[at].next = None;
            if self.slots[at].waits {
                self.enqueue(self.first_slot + at as u64);
            }
        }
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        let at = usize::try_from(number - self.first_slot).expect("memory holds all slots");
        &mut self.slots[at]
    }

    fn queue(&mut self, bucket: Bucket) -> &mut Queue {
        &mut self.queues[usize::from(bucket.get())]
    }

    fn take(&mut self, number: u64) -> FreshWork {
        let slot = self.slot(number);
        slot.waits = false;
        let work = FreshWork {
            order: slot.work.order.take(),
            ..slot.work
        };
        self.len -= 1;
        self.orders -= usize::from(work.order.is_some());
        work
    }

    /// Puts a slot at the end of its bucket's queue.
    fn enqueue(&mut self, number: u64) {
        let bucket = self.slot(number).work.id.bucket();
        let queue = self.queue(bucket);
        match &mut queue.ends {
            Some((_, last)) => {
                let before = std::mem::replace(last, number);
                self.slot(before).next = Some(number);
            }
            None => {
                queue.ends = Some((number, number));
                self.buckets.insert(bucket);
            }
        }
    }

    /// Takes the first slot off its bucket's queue.
    fn dequeue(&mut self, bucket: Bucket) -> Option<u64> {
        let (first, last) = self.queue(bucket).ends?;
        let next = self.slot(first).next;
        self.queue(bucket).ends = next.map(|next| (next, last));
        if next.is_none() {
            self.buckets.remove(bucket);
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrderId, Timestamp, UserId};

    use super::{FreshWindow, FreshWork};

    const NOW_MS: u64 = 1_700_000_000_000;

    fn work(user: &str, seq: u64) -> FreshWork {
        let now = Timestamp::from_millis(NOW_MS + seq).unwrap();
        let id = OrderId::new(now, &UserId::new(user).unwrap(), seq);
        FreshWork {
            seq,
            id,
            due: now,
            order: None,
        }
    }

    fn seq(work: Option<FreshWork>) -> Option<u64> {
        work.map(|work| work.seq)
    }

    #[test]
    fn work_is_found_by_its_bucket_and_by_its_age() {
        let mut window = FreshWindow::new(3);
        let (a, b, later) = (work("alice", 1), work("bob", 2), work("alice", 3));
        for work in [&a, &b, &later] {
            assert!(window.has_room(0));
            window.add(work.clone());
        }
        assert!(!window.has_room(0), "three is the limit");
        assert_eq!(window.first().map(|work| work.seq), Some(1));
        let (of_alice, of_bob) = (a.id.bucket(), b.id.bucket());
        assert_eq!(window.next_bucket(None), Some(of_alice.min(of_bob)));
        assert_eq!(window.next_bucket(Some(of_alice.max(of_bob))), None);
        assert_eq!(window.first_due_of(of_alice), Some(a.due));
        assert_eq!(seq(window.take_first_of(of_alice)), Some(1));
        assert_eq!(window.first_due_of(of_alice), Some(later.due));
        assert_eq!(window.first().map(|work| work.seq), Some(2));
        assert_eq!(window.up_to(2, 9), [b.id]);
        window.trim();
        assert_eq!(seq(window.take_first_of(of_alice)), Some(3));
        assert_eq!(seq(window.take_first_of(of_alice)), None);
        assert_eq!(window.len(), 1);
        assert_eq!(window.next_bucket(None), Some(of_bob));
    }

    #[test]
    fn work_is_taken_out_of_the_middle() {
        let mut window = FreshWindow::new(9);
        let works: Vec<_> = (1..=5).map(|seq| work("alice", seq)).collect();
        for work in &works {
            window.add(work.clone());
        }
        let bucket = works[0].id.bucket();
        assert_eq!(seq(window.take_out(works[2].id)), Some(3));
        assert_eq!(seq(window.take_out(works[0].id)), Some(1));
        assert_eq!(seq(window.take_out(works[0].id)), None, "once");
        window.trim();
        assert_eq!(seq(window.take_first_of(bucket)), Some(2));
        assert_eq!(seq(window.take_first_of(bucket)), Some(4));
        window.trim();
        assert_eq!(seq(window.take_out(works[4].id)), Some(5));
        assert_eq!(
            (window.len(), window.first().map(|work| work.seq)),
            (0, None)
        );
        assert_eq!(seq(window.take_first_of(bucket)), None);
        assert_eq!(window.next_bucket(None), None);
        window.add(work("alice", 6));
        assert_eq!(seq(window.take_first_of(bucket)), Some(6));
    }

    #[test]
    fn work_is_found_wherever_the_clock_was() {
        let mut window = FreshWindow::new(9);
        let mut early = work("alice", 1);
        early.due = Timestamp::from_millis(NOW_MS - 1_000).unwrap();
        let late = work("alice", 2);
        window.add(early.clone());
        window.add(late);
        assert_eq!(seq(window.take_out(early.id)), Some(1));
    }

    #[test]
    fn work_that_is_put_back_has_its_turn_as_before() {
        let mut window = FreshWindow::new(9);
        let works: Vec<_> = ["alice", "bob", "alice", "alice"]
            .into_iter()
            .zip(1..)
            .map(|(user, seq)| work(user, seq))
            .collect();
        for work in &works {
            window.add(work.clone());
        }
        let bucket = works[0].id.bucket();
        let mut taken = Vec::new();
        taken.extend(window.take_out(works[2].id));
        taken.extend(window.take_first_of(bucket));
        taken.extend(window.take_first_of(bucket));
        assert_eq!((taken.len(), window.len()), (3, 1));
        window.put_back(taken.into_iter());
        assert_eq!(window.len(), 4);
        for expected in [1, 3, 4] {
            assert_eq!(seq(window.take_first_of(bucket)), Some(expected));
        }
        assert_eq!(window.first().map(|work| work.seq), Some(2));
    }
}
