//! What the messages of all calls may hold together, so that many large ones cannot use the memory up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Messages up to this size are not counted: there are never more of them than calls and windows allow.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 16 * 1024;

/// The room for all.
#[derive(Debug)]
pub(crate) struct Room {
    free: AtomicUsize,
}

/// What one message holds of it; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Held {
    of: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(crate) const fn of(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
        }
    }

    /// Room for a message of so many bytes; `Err` where there is none, `Ok(None)` where it needs none.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Result<Option<Held>, NoRoom> {
        if bytes <= SMALL_MESSAGE_BYTES {
            return Ok(None);
        }
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(bytes)
            })
            .map_err(|_| NoRoom)?;
        Ok(Some(Held {
            of: Arc::clone(self),
            bytes,
        }))
    }
}

/// The messages that are being worked on hold as much as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Drop for Held {
    fn drop(&mut self) {
        self.of.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
