//! How far a caller's job is: the writer begins it, or the caller gives it up before, never both. Shared by the queue and
//! the erasures that go through it.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far a job is. The writer begins it, or the caller's deadline abandons it, whichever comes first.
#[derive(Default)]
pub(crate) struct Progress(AtomicU8);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const ABANDONED: u8 = 2;

impl Progress {
    /// Whether the writer may begin.
    pub(crate) fn begin(&self) -> bool {
        self.step(WAITING, BEGUN)
    }

    /// Whether nothing was begun, and nothing will be.
    pub(crate) fn abandon(&self) -> bool {
        self.step(WAITING, ABANDONED)
    }

    fn step(&self, from: u8, to: u8) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
