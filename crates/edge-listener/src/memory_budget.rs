//! A memory budget: how many bytes a kind of bodies holds at a time, over all connections. An edge has one for request bodies
//! and one for answers.
//!
//! It counts, and allocates nothing. A [`Reservation`] is owned, so that it can travel with the bytes that it stands for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The most bytes that all holders of reservations hold together.
#[derive(Debug)]
pub struct MemoryBudget {
    capacity: usize,
    free: AtomicUsize,
    /// How many callers wait in [`MemoryBudget::reserve_when_free`]: a release looks for them only if there are any.
    waiting: AtomicUsize,
    released: Notify,
}

/// The budget has fewer free bytes than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory budget is used up")]
pub struct BudgetUsedUp;

impl MemoryBudget {
    /// A budget of `capacity` bytes, all of them free.
    #[must_use]
    pub const fn of(capacity: usize) -> Self {
        Self {
            capacity,
            free: AtomicUsize::new(capacity),
            waiting: AtomicUsize::new(0),
            released: Notify::const_new(),
        }
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.capacity - self.free.load(Ordering::Relaxed)
    }

    /// A reservation of nothing yet.
    #[must_use]
    pub fn empty_reservation(self: &Arc<Self>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }

    /// Reserves `bytes` until the result is dropped.
    ///
    /// # Errors
    /// If fewer bytes are free.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, BudgetUsedUp> {
        self.reserve_leaving(0, bytes)
    }

    /// As [`MemoryBudget::reserve`], but leaves `rest` bytes free.
    pub(crate) fn reserve_leaving(
        self: &Arc<Self>,
        rest: usize,
        bytes: usize,
    ) -> Result<Reservation, BudgetUsedUp> {
        let mut reservation = self.empty_reservation();
        if reservation.take(rest, bytes) {
            Ok(reservation)
        } else {
            Err(BudgetUsedUp)
        }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Reserves `bytes` as soon as they are free. More than the whole budget counts as the whole budget, because more
    /// can never be free.
    pub async fn reserve_when_free(self: Arc<Self>, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.capacity);
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let released = self.released.notified();
            if let Ok(reservation) = self.reserve(bytes) {
                return reservation;
            }
            released.await;
        }
    }

    fn release(&self, bytes: usize) {
        // Sequentially consistent, as the counting of waiters is: either the waiter sees these bytes, or this sees the waiter.
        self.free.fetch_add(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.released.notify_waiters();
        }
    }
}

/// Bytes of a [`MemoryBudget`], held until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Reservation {
    /// Reserves `bytes` more; false if they are not free.
    #[must_use]
    pub fn reserve(&mut self, bytes: usize) -> bool {
        self.take(0, bytes)
    }

    fn take(&mut self, rest: usize, bytes: usize) -> bool {
        let is_reserved = self
            .budget
            .free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| {
                free.checked_sub(bytes).filter(|left| *left >= rest)
            })
            .is_ok();
        if is_reserved {
            self.bytes += bytes;
        }
        is_reserved
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.bytes);
        }
    }
}

/// A caller that waits for bytes.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{BudgetUsedUp, MemoryBudget};

    #[test]
    fn a_reservation_is_held_until_it_is_dropped() {
        let budget = Arc::new(MemoryBudget::of(10));
        let mut held = budget.reserve(6).unwrap();
        assert_eq!(budget.reserve(5).unwrap_err(), BudgetUsedUp);
        assert!(held.reserve(4) && !held.reserve(1));
        assert_eq!(budget.reserved(), 10);
        drop(held);
        assert_eq!(budget.reserved(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_gets_released_bytes() {
        let budget = Arc::new(MemoryBudget::of(10));
        let held = budget.reserve(10).unwrap();
        let mut waiting = Box::pin(Arc::clone(&budget).reserve_when_free(4));
        assert!(
            timeout(Duration::from_secs(1), waiting.as_mut())
                .await
                .is_err()
        );
        drop(held);
        let reserved = timeout(Duration::from_secs(1), waiting).await;
        assert_eq!(budget.reserved(), 4);
        drop(reserved);
        assert_eq!(budget.reserved(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_the_whole_budget_is_the_whole_budget() {
        let budget = Arc::new(MemoryBudget::of(10));
        let reserved = Arc::clone(&budget).reserve_when_free(11).await;
        assert_eq!(budget.reserved(), 10);
        drop(reserved);
    }
}
