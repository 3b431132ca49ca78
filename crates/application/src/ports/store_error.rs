//! Why an order store did not do what was asked: the one error of all its ports.

use domain::ShardId;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Its queue is full. Nothing was written. Retryable.
    #[error("the store is overloaded: {limit} decisions wait already (setting store.queue)")]
    Overloaded {
        /// The bound of the queue.
        limit: usize,
    },
    /// The deadline passed before the write began, or before the read was answered. Nothing was and will be written.
    /// Retryable.
    #[error("the deadline passed before the store could begin or answer")]
    Expired,
    /// A shard cannot be reached. Nothing was written. Retryable.
    #[error("shard {shard} is unavailable: {reason}")]
    Unavailable {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// A shard has no room left. Nothing was written. Retryable once there is room.
    #[error("shard {shard} has no room left: {reason}; free space on its disk")]
    Full {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// The connection broke, or the deadline passed, while the write was under way: it may or may not be there.
    /// The key finds out.
    #[error("shard {shard} did not confirm the write: {reason}")]
    Unknown {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// The shard's map of buckets has another epoch than the one that the write was made under, or the shard does not own
    /// the order's bucket. Nothing was written. Retryable: the store reads the map again by itself.
    #[error(
        "shard {shard} is under a newer map of buckets than epoch {epoch}, or does not own the order's bucket"
    )]
    Moved {
        /// Which one.
        shard: ShardId,
        /// The epoch that the write was made under.
        epoch: u64,
    },
    /// What is stored cannot be read. Permanent.
    #[error("shard {shard} holds something unreadable: {reason}")]
    Corrupt {
        /// Which one.
        shard: ShardId,
        /// What was found.
        reason: String,
    },
}
