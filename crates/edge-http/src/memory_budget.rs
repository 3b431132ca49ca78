//! The memory budget of all request bodies together. A server's state has one; the layer that reads bodies reserves memory
//! in it while it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes of bodies that all requests of a server hold together. Bodies that come in one small piece are not
/// counted: there are no more of them than requests.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    free: AtomicUsize,
}

impl MemoryBudget {
    pub(crate) const fn of(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
        }
    }
}

/// What one body has reserved, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Reservation {
    /// The reservation of a body that has not begun: nothing.
    pub(crate) fn empty(budget: &Arc<MemoryBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Reserves `bytes` more; false if the budget is used up.
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        let is_reserved = self
            .budget
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(bytes)
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
            let free = &self.budget.free;
            free.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }
}
