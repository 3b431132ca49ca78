//! What the four ports of an order store have in common: shards, and the errors that name them.

use domain::{Bucket, ShardId};

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
    /// What is stored cannot be read. Permanent.
    #[error("shard {shard} holds something unreadable: {reason}")]
    Corrupt {
        /// Which one.
        shard: ShardId,
        /// What was found.
        reason: String,
    },
}

/// Is divided into shards.
pub trait Sharded: Send + Sync + 'static {
    /// The shards, ascending.
    fn shards(&self) -> &[ShardId];

    /// Which shard owns a bucket.
    fn shard_of(&self, bucket: Bucket) -> ShardId;
}
