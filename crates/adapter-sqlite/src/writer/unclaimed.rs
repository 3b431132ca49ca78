//! Unclaimed orders: a bounded window, in memory, of the new orders that wait in the log. It has a queue for each home bucket,
//! so that a claim reads nothing from the disk.
//!
//! The log marks the orders that were committed into the window. New orders for which the window has no space get a row in
//! the table `jobs`, so no work waits in the log that is not in the window. The writer adds orders after each commit, and
//! `recovery` does at the start; claims (`lanes`) and the watermarks (`watermarks`) remove them.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Bucket, Order, OrderId, Timestamp};

use super::bucket_set::BucketSet;

/// The most orders that are kept in memory with all their data, so that a claim need not read them.
const MAX_LOADED: usize = 4_096;

/// The memory of this many slots is never freed.
const MIN_CAPACITY: usize = 16_384;

const EPOCH: Timestamp = match Timestamp::from_millis(0) {
    Ok(epoch) => epoch,
    Err(_) => panic!("the epoch is representable"),
};

/// A new order that was due when it was committed, and that no worker has claimed.
#[derive(Debug, Clone)]
pub(crate) struct UnclaimedOrder {
    /// The sequence number of its creation.
    pub(crate) seq: u64,
    pub(crate) id: OrderId,
    /// The order as it was created; `None` if a claim has to read it.
    pub(crate) order: Option<Arc<Order>>,
}

impl UnclaimedOrder {
    /// When it became due, which is when it was created.
    pub(crate) fn due(&self) -> Timestamp {
        created_at(self.id)
    }
}

/// The log positions since the oldest unclaimed order, as slots. Slot numbers are never reused.
pub(crate) struct UnclaimedWindow {
    /// In log order.
    slots: VecDeque<Slot>,
    /// The number of the first slot, and the sequence number of its order.
    first_slot: u64,
    first_seq: u64,
    /// The queue of each bucket.
    queues: Box<[Queue]>,
    /// The buckets whose queue is not empty.
    buckets: BucketSet,
    /// The number of unclaimed orders.
    len: usize,
    /// The number of slots with a loaded order.
    loaded: usize,
    /// The most unclaimed orders.
    limit: usize,
}

/// It is small, because a backlog has hundreds of thousands of slots.
struct Slot {
    id: OrderId,
    /// The lower half of the sequence number.
    low_seq: u32,
    /// The distance to the next slot of the queue of the bucket; 0 if there is none.
    to_next: u32,
    order: SlotOrder,
}

/// The state of the order of a slot.
enum SlotOrder {
    /// The order was removed from the window.
    Removed,
    /// Unclaimed; a claim has to read the order.
    NotLoaded,
    /// Unclaimed; the order as it was created.
    Loaded(Arc<Order>),
}

/// A linked list of the slots of a bucket. It may contain removed slots.
#[derive(Clone, Copy, Default)]
struct Queue {
    /// The first slot and the last one.
    ends: Option<(u64, u64)>,
}

impl Slot {
    const fn is_unclaimed(&self) -> bool {
        !matches!(self.order, SlotOrder::Removed)
    }
}

impl UnclaimedWindow {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first_slot: 0,
            first_seq: 0,
            queues: vec![Queue::default(); usize::from(Bucket::COUNT)].into_boxed_slice(),
            buckets: BucketSet::default(),
            len: 0,
            loaded: 0,
            limit,
        }
    }

    /// Whether there is space for one more order after `others`, which are still to be added.
    pub(crate) fn has_space_after(&self, others: usize) -> bool {
        self.len.saturating_add(others) < self.limit
    }

    /// Whether new orders should be passed to the window with all their data.
    pub(crate) fn keeps_new_orders(&self) -> bool {
        self.loaded < MAX_LOADED / 4 * 3 && self.has_space_after(0)
    }

    /// The number of unclaimed orders.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an order. Its sequence number is greater than all previous ones.
    pub(crate) fn add(&mut self, order: UnclaimedOrder) {
        if self.slots.is_empty() {
            self.first_seq = order.seq;
        }
        let number = self.first_slot + self.slots.len() as u64;
        self.slots.push_back(Slot {
            id: order.id,
            low_seq: low(order.seq),
            to_next: 0,
            order: SlotOrder::Removed,
        });
        self.fill(number, order.order);
        self.enqueue(number);
    }

    /// The sequence number and the id of the oldest unclaimed order.
    pub(crate) fn first(&self) -> Option<(u64, OrderId)> {
        let first = self.slots.iter().find(|slot| slot.is_unclaimed());
        first.map(|slot| (self.seq_of(slot), slot.id))
    }

    /// When the oldest unclaimed order became due.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.first().map(|(_, id)| created_at(id))
    }

    /// At most `limit` unclaimed orders up to the sequence number `seq`.
    pub(crate) fn up_to(&self, seq: u64, limit: usize) -> Vec<OrderId> {
        let old = self
            .slots
            .iter()
            .take_while(|slot| self.seq_of(slot) <= seq);
        let unclaimed = old.filter(|slot| slot.is_unclaimed()).take(limit);
        unclaimed.map(|slot| slot.id).collect()
    }

    /// The first bucket after `after` that may have unclaimed orders.
    pub(crate) fn next_bucket(&self, after: Option<Bucket>) -> Option<Bucket> {
        self.buckets.next(after)
    }

    /// When the oldest unclaimed order of a bucket became due.
    pub(crate) fn first_due_of(&mut self, bucket: Bucket) -> Option<Timestamp> {
        loop {
            let (first, _) = self.queue(bucket).ends?;
            let slot = self.slot(first);
            if slot.is_unclaimed() {
                return Some(created_at(slot.id));
            }
            self.dequeue(bucket);
        }
    }

    /// Removes the oldest unclaimed order of a bucket.
    pub(crate) fn remove_first_of(&mut self, bucket: Bucket) -> Option<UnclaimedOrder> {
        self.first_due_of(bucket)?;
        let number = self.dequeue(bucket)?;
        self.empty(number)
    }

    /// Removes an order, if it is unclaimed.
    pub(crate) fn remove(&mut self, id: OrderId) -> Option<UnclaimedOrder> {
        // Orders are committed soon after their creation, whose time is in the id. If the clock was set, all slots are searched.
        let created = created_at(id);
        let is_before = |slot: &Slot| created_at(slot.id) < created;
        let guess = self.slots.partition_point(is_before);
        let mut positions = (guess..self.slots.len()).chain(0..guess);
        let at = positions.find(|at| self.slots[*at].id == id)?;
        self.empty(self.first_slot + at as u64)
    }

    /// Frees the removed slots before the oldest unclaimed order. Orders that were removed before cannot be put back.
    pub(crate) fn trim(&mut self) {
        while let Some(slot) = self.slots.front()
            && !slot.is_unclaimed()
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
        if self.slots.capacity() > MIN_CAPACITY && self.slots.len() < self.slots.capacity() / 8 {
            self.slots.shrink_to(MIN_CAPACITY.max(self.slots.len() * 2));
        }
    }

    /// Puts back orders that were removed since the last [`UnclaimedWindow::trim`].
    pub(crate) fn put_back(&mut self, removed: impl Iterator<Item = UnclaimedOrder>) {
        for order in removed {
            let first_seq = self.first_seq;
            let is_before = |slot: &Slot| seq_from(first_seq, slot.low_seq) < order.seq;
            let at = self.slots.partition_point(is_before);
            self.fill(self.first_slot + at as u64, order.order);
        }
        self.queues.fill(Queue::default());
        self.buckets = BucketSet::default();
        for at in 0..self.slots.len() {
            self.slots[at].to_next = 0;
            if self.slots[at].is_unclaimed() {
                self.enqueue(self.first_slot + at as u64);
            }
        }
    }

    fn seq_of(&self, slot: &Slot) -> u64 {
        seq_from(self.first_seq, slot.low_seq)
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        let at = usize::try_from(number - self.first_slot)
            .expect("the number of slots fits into memory");
        &mut self.slots[at]
    }

    fn queue(&mut self, bucket: Bucket) -> &mut Queue {
        &mut self.queues[usize::from(bucket.get())]
    }

    /// Makes the order of a slot unclaimed.
    fn fill(&mut self, number: u64, order: Option<Arc<Order>>) {
        self.len += 1;
        let order = order.filter(|_| self.loaded < MAX_LOADED);
        self.loaded += usize::from(order.is_some());
        self.slot(number).order = order.map_or(SlotOrder::NotLoaded, SlotOrder::Loaded);
    }

    /// Removes the order of a slot; returns `None` if it was removed before.
    fn empty(&mut self, number: u64) -> Option<UnclaimedOrder> {
        let slot = self.slot(number);
        let order = match std::mem::replace(&mut slot.order, SlotOrder::Removed) {
            SlotOrder::Removed => return None,
            SlotOrder::NotLoaded => None,
            SlotOrder::Loaded(order) => Some(order),
        };
        let (id, low_seq) = (slot.id, slot.low_seq);
        self.len -= 1;
        self.loaded -= usize::from(order.is_some());
        Some(UnclaimedOrder {
            seq: seq_from(self.first_seq, low_seq),
            id,
            order,
        })
    }

    /// Appends a slot to the queue of its bucket.
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

    /// Removes the first slot from the queue of a bucket.
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

/// The lower half of a sequence number. It is unique in the window, which covers far fewer events than 2^32.
const fn low(number: u64) -> u32 {
    number as u32
}

/// The sequence number with this lower half at or after `first_seq`.
fn seq_from(first_seq: u64, low_seq: u32) -> u64 {
    first_seq + u64::from(low_seq.wrapping_sub(low(first_seq)))
}

/// The time of creation, from the id of the order.
fn created_at(id: OrderId) -> Timestamp {
    let (high, _) = id.as_uuid().as_u64_pair();
    Timestamp::from_millis(high >> 16).unwrap_or(EPOCH)
}

#[cfg(test)]
mod tests;
