//! The pauses between attempts to reach a shard. One connection a process and task tries, so no jitter is needed. Whatever
//! connects uses it.

use std::time::Duration;

use application::backoff::{Backoff, Waits};

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);

/// Pauses of at most `most`.
pub(crate) const fn pauses_up_to(most: Duration) -> Waits {
    Backoff { first: FIRST, most }.waits()
}
