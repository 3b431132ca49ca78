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

/// Memory for this many slots is never given back.
const SPARE_SLOTS: usize = 16_384;

const EPOCH: Timestamp = match Timestamp::from_millis(0) {
    Ok(epoch) => epoch,
    Err(_) => panic!("the epoch is representable"),
};

/// A new order whose work was due when it was committed.
#[derive(Debug, Clone)]
pub(crate) struct FreshWork {
    /// The seq of its creation.
    pub(crate) seq: u64,
    pub(crate) id: OrderId,
    /// As it was created; `None` if it has to be read.
    pub(crate) order: Option<Arc<Order>>,
}

impl FreshWork {
    /// When it became due: when it was created.
    pub(crate) fn due(&self) -> Timestamp {
        created_at(self.id)
    }
}

/// All work since the oldest that waits. Slots have numbers that never come again.
pub(crate) struct FreshWindow {
    /// In the order of seq.
    slots: VecDeque<Slot>,
    /// The number of the first slot, and the seq of its order.
    first_slot: u64,
    first_seq: u64,
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

/// Kept small: a backlog has hundreds of thousands of them.
struct Slot {
    id: OrderId,
    /// The lower half of the seq.
    low_seq: u32,
    /// How many slots further the next one of the bucket's queue is; 0 if there is none.
    to_next: u32,
    order: SlotOrder,
}

/// What is known of the order of a slot.
enum SlotOrder {
    /// It does not wait any more.
    TakenOut,
    /// It has to be read.
    Unread,
    /// As it was created.
    Whole(Arc<Order>),
}

/// The slots of a bucket, linked. Work in the middle may have been taken out.
#[derive(Clone, Copy, Default)]
struct Queue {
    /// The first slot and the last one.
    ends: Option<(u64, u64)>,
}

impl Slot {
    const fn waits(&self) -> bool {
        !matches!(self.order, SlotOrder::TakenOut)
    }
}

impl FreshWindow {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first_slot: 0,
            first_seq: 0,
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
    pub(crate) fn add(&mut self, work: FreshWork) {
        if self.slots.is_empty() {
            self.first_seq = work.seq;
        }
        let number = self.first_slot + self.slots.len() as u64;
        self.slots.push_back(Slot {
            id: work.id,
            low_seq: low(work.seq),
            to_next: 0,
            order: SlotOrder::TakenOut,
        });
        self.fill(number, work.order);
        self.enqueue(number);
    }

    /// The oldest work: its seq and its order.
    pub(crate) fn first(&self) -> Option<(u64, OrderId)> {
        let waiting = self.slots.iter().find(|slot| slot.waits());
        waiting.map(|slot| (self.seq_of(slot), slot.id))
    }

    /// When the oldest work became due.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.first().map(|(_, id)| created_at(id))
    }

    /// The orders up to this seq, at most `limit`.
    pub(crate) fn up_to(&self, seq: u64, limit: usize) -> Vec<OrderId> {
        let old = self
            .slots
            .iter()
            .take_while(|slot| self.seq_of(slot) <= seq);
        let waiting = old.filter(|slot| slot.waits()).take(limit);
        waiting.map(|slot| slot.id).collect()
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
            if slot.waits() {
                return Some(created_at(slot.id));
            }
            self.dequeue(bucket);
        }
    }

    /// Takes the oldest work of a bucket out.
    pub(crate) fn take_first_of(&mut self, bucket: Bucket) -> Option<FreshWork> {
        self.first_due_of(bucket)?;
        let number = self.dequeue(bucket)?;
        self.take(number)
    }

    /// Takes the work of an order out, if it waits.
    pub(crate) fn take_out(&mut self, id: OrderId) -> Option<FreshWork> {
        // Orders were committed soon after they were created, which their ids tell; but for a clock that was set.
        let created = created_at(id);
        let is_before = |slot: &Slot| created_at(slot.id) < created;
        let guess = self.slots.partition_point(is_before);
        let mut positions = (guess..self.slots.len()).chain(0..guess);
        let at = positions.find(|at| self.slots[*at].id == id)?;
        self.take(self.first_slot + at as u64)
    }

    /// Lets go of all work before the oldest that waits: what was taken out up to now is never put back.
    pub(crate) fn trim(&mut self) {
        while let Some(slot) = self.slots.front()
            && !slot.waits()
        {
            let bucket = slot.id.bucket();
            if let Some((first, _)) = self.queue(bucket).ends
                && first == self.first_slot
            {
                self.dequeue(bucket);
            }
            if let Some(next) = self.slots.get(1) {
                self.first_seq = self.seq_of(next);
            }
            self.slots.pop_front();
            self.first_slot += 1;
        }
        if self.slots.capacity() > SPARE_SLOTS && self.slots.len() < self.slots.capacity() / 8 {
            self.slots.shrink_to(SPARE_SLOTS.max(self.slots.len() * 2));
        }
    }

    /// Puts back what was taken out since the last [`FreshWindow::trim`].
    pub(crate) fn put_back(&mut self, taken: impl Iterator<Item = FreshWork>) {
        for work in taken {
            let first_seq = self.first_seq;
            let is_before = |slot: &Slot| seq_from(first_seq, slot.low_seq) < work.seq;
            let at = self.slots.partition_point(is_before);
            self.fill(self.first_slot + at as u64, work.order);
        }
        self.queues.fill(Queue::default());
        self.buckets = BucketSet::default();
        for at in 0..self.slots.len() {
            self.slots[at].to_next = 0;
            if self.slots[at].waits() {
                self.enqueue(self.first_slot + at as u64);
            }
        }
    }

    fn seq_of(&self, slot: &Slot) -> u64 {
        seq_from(self.first_seq, slot.low_seq)
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        let at = usize::try_from(number - self.first_slot).expect("memory holds all slots");
        &mut self.slots[at]
    }

    fn queue(&mut self, bucket: Bucket) -> &mut Queue {
        &mut self.queues[usize::from(bucket.get())]
    }

    /// The work of a slot waits.
    fn fill(&mut self, number: u64, order: Option<Arc<Order>>) {
        self.len += 1;
        let order = order.filter(|_| self.orders < ORDERS_IN_MEMORY);
        self.orders += usize::from(order.is_some());
        self.slot(number).order = order.map_or(SlotOrder::Unread, SlotOrder::Whole);
    }

    /// The work of a slot does not wait any more.
    fn take(&mut self, number: u64) -> Option<FreshWork> {
        let slot = self.slot(number);
        let order = match std::mem::replace(&mut slot.order, SlotOrder::TakenOut) {
            SlotOrder::TakenOut => return None,
            SlotOrder::Unread => None,
            SlotOrder::Whole(order) => Some(order),
        };
        let (id, low_seq) = (slot.id, slot.low_seq);
        self.len -= 1;
        self.orders -= usize::from(order.is_some());
        Some(FreshWork {
            seq: seq_from(self.first_seq, low_seq),
            id,
            order,
        })
    }

    /// Puts a slot at the end of its bucket's queue.
    fn enqueue(&mut self, number: u64) {
        let bucket = self.slot(number).id.bucket();
        let queue = self.queue(bucket);
        match &mut queue.ends {
            Some((_, last)) => {
                let before = std::mem::replace(last, number);
                self.slot(before).to_next = low(number - before);
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
        let to_next = self.slot(first).to_next;
        if to_next == 0 {
            self.queue(bucket).ends = None;
            self.buckets.remove(bucket);
        } else {
            self.queue(bucket).ends = Some((first + u64::from(to_next), last));
        }
        Some(first)
    }
}

/// The lower half. The window holds fewer slots than that has numbers, and not much more events.
const fn low(number: u64) -> u32 {
    number as u32
}

/// The seq with this lower half at or behind the first one.
fn seq_from(first_seq: u64, low_seq: u32) -> u64 {
    first_seq + u64::from(low_seq.wrapping_sub(low(first_seq)))
}

/// When an order was created, which its id tells.
fn created_at(id: OrderId) -> Timestamp {
    let (high, _) = id.as_uuid().as_u64_pair();
    Timestamp::from_millis(high >> 16).unwrap_or(EPOCH)
}

#[cfg(test)]
mod tests;
