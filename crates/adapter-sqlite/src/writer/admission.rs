//! Admission of a queued write: whether the writer begins it at all.

use application::ports::StoreError;

use crate::encoded_write::{EncodedGuard, EncodedWrite};
use crate::failure::unavailable;

#[derive(Clone, Copy)]
pub(super) struct Admission {
    /// The deadline of the caller has passed.
    pub(super) is_expired: bool,
    /// The memtable has space for new orders.
    pub(super) has_space: bool,
}

impl Admission {
    /// Why the write is refused; `None` if it is admitted.
    pub(super) fn refusal(self, write: &EncodedWrite) -> Option<StoreError> {
        if self.is_expired {
            return Some(StoreError::Expired);
        }
        let is_new = matches!(write.guard, EncodedGuard::New { .. });
        (is_new && !self.has_space).then(|| {
            unavailable("the index of orders cannot keep up or cannot be written; see the log")
        })
    }
}
