//! The room of all bodies together. A server's state has one; `request` takes of it while it reads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of bodies are held at a time, by all requests of a server together. Bodies that come in one small
/// piece are not counted: there are no more of them than requests.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    free: AtomicUsize,
}

impl BodyRoom {
    pub(crate) const fn of(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
        }
    }

    /// What a body holds that has not begun.
    pub(crate) const fn nothing_yet(&self) -> Room<'_> {
        Room { of: self, taken: 0 }
    }
}

/// What one body holds.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    of: &'a BodyRoom,
    taken: usize,
}

impl Room<'_> {
    /// Takes room for so many bytes more; false where there is none.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let taken = self
            .of
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(bytes)
            })
            .is_ok();
        if taken {
            self.taken += bytes;
        }
        taken
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.of.free.fetch_add(self.taken, Ordering::Relaxed);
        }
    }
}
