//! What a worker asks of its store: each call, with how many orders it was about.

use std::sync::Mutex;

/// The calls of one store, by kind.
#[derive(Default)]
pub struct Calls {
    /// Orders that each claim gave.
    pub claims: Sizes,
    /// Writes of each commit.
    pub commits: Sizes,
    /// Claims that each heartbeat prolonged.
    pub heartbeats: Sizes,
}

/// The sizes of one kind of calls, in their order.
#[derive(Default)]
pub struct Sizes(Mutex<Vec<usize>>);

impl Sizes {
    pub fn note(&self, size: usize) {
        self.0.lock().unwrap().push(size);
    }

    /// All since the last time that they were taken.
    pub fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
