//! What the dead letters are summed up to.

use std::sync::Arc;

use domain::Timestamp;

/// One reason, with its dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReason {
    /// The code of [`domain::Failure`].
    pub code: Arc<str>,
    /// How many have it.
    pub count: usize,
    /// When the newest of them failed.
    pub newest_at: Timestamp,
    /// What the newest of them said.
    pub sample_message: Arc<str>,
}

/// The reasons of the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReasons {
    /// The most frequent first.
    pub reasons: Vec<DeadLetterReason>,
    /// How many dead letters were counted.
    pub counted: usize,
    /// The walk ended at its bound: there may be more of each, and other reasons.
    pub has_more: bool,
}
