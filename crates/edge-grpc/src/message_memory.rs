//! The memory budget of the messages that come in: many large ones together cannot use up the memory.
//!
//! A message counts from its first byte until its method has answered, or until its order is with the store. Messages that have
//! not come in whole may hold at most half of the budget, so that clients that send half a message do not stop others.
//! tonic bounds one message, not all together; this costs two atomic additions a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget of all calls.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    partial_limit: usize,
    held: AtomicUsize,
    /// The part of `held` that belongs to messages that have not come in whole.
    partial: AtomicUsize,
}

/// What one message holds of it; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
    is_partial: bool,
}

/// The messages hold as much as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl MemoryBudget {
    /// A budget of `limit` bytes, for messages of at most `largest` bytes each.
    pub(crate) fn new(limit: usize, largest: usize) -> Self {
        Self {
            limit,
            partial_limit: (limit / 2).max(largest).min(limit),
            held: AtomicUsize::new(0),
            partial: AtomicUsize::new(0),
        }
    }

    /// Reserves the bytes of a message that is there.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, Exhausted> {
        add(&self.held, bytes, self.limit)?;
        Ok(Reservation {
            budget: Arc::clone(self),
            bytes,
            is_partial: false,
        })
    }

    /// The reservation of a message whose bytes still come in: see [`Reservation::grow`].
    pub(crate) fn begin(self: &Arc<Self>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            bytes: 0,
            is_partial: true,
        }
    }

    /// Whether more than half of it is in use: streams then read no faster than their orders are stored.
    pub(crate) fn is_tight(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.limit / 2
    }
}

impl Reservation {
    /// More bytes of the message came.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        add(&self.budget.partial, bytes, self.budget.partial_limit)?;
        if add(&self.budget.held, bytes, self.budget.limit).is_err() {
            self.budget.partial.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Exhausted);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// The message is there as a whole.
    pub(crate) fn complete(mut self) -> Self {
        self.budget.partial.fetch_sub(self.bytes, Ordering::Relaxed);
        self.is_partial = false;
        self
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.is_partial {
            self.budget.partial.fetch_sub(self.bytes, Ordering::Relaxed);
        }
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn add(counter: &AtomicUsize, bytes: usize, limit: usize) -> Result<(), Exhausted> {
    let before = counter.fetch_add(bytes, Ordering::Relaxed);
    if before.saturating_add(bytes) > limit {
        counter.fetch_sub(bytes, Ordering::Relaxed);
        return Err(Exhausted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::{Exhausted, MemoryBudget};

    #[test]
    fn partial_messages_leave_half_of_the_budget_to_whole_ones() {
        let budget = Arc::new(MemoryBudget::new(100, 10));
        let mut partial = budget.begin();
        partial.grow(50).unwrap();
        assert_eq!(partial.grow(1), Err(Exhausted));
        let whole = budget.reserve(50).unwrap();
        assert_eq!(budget.reserve(1).unwrap_err(), Exhausted);
        let partial = partial.complete();
        drop(whole);
        let mut next = budget.begin();
        next.grow(50).unwrap();
        drop((partial, next));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        assert_eq!(budget.partial.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_largest_message_fits_whatever_half_of_the_budget_is() {
        let budget = Arc::new(MemoryBudget::new(100, 80));
        assert_eq!(budget.begin().grow(80), Ok(()));
    }
}
