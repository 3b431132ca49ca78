//! What the four ports of an order store have in common: its shards, its errors, and its name as a whole.

use std::sync::Arc;

use domain::{Bucket, ShardId};

use super::feed::EventFeed;
use super::queue::WorkQueue;
use super::reader::OrderReader;
use super::writer::OrderWriter;

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

/// Is divided into shards.
pub trait Sharded: Send + Sync + 'static {
    /// The shards, ascending.
    fn shards(&self) -> &[ShardId];

    /// Which shard owns a bucket.
    fn shard_of(&self, bucket: Bucket) -> ShardId;
}

/// A whole order store: the one place where orders, their keys, events and jobs are durable. Wiring opens one and hands
/// each consumer the port that it uses; the conformance suite checks all of them together.
pub trait OrderStore: OrderWriter + OrderReader + EventFeed + WorkQueue {}

impl<T: OrderWriter + OrderReader + EventFeed + WorkQueue> OrderStore for T {}

/// The ports of one opened store, each for those who use it. A decorator replaces one port and leaves the others.
#[derive(Clone)]
pub struct StorePorts {
    /// For use cases and the worker.
    pub writer: Arc<dyn OrderWriter>,
    /// For use cases.
    pub reader: Arc<dyn OrderReader>,
    /// For live watching, and whatever else follows the events.
    pub feed: Arc<dyn EventFeed>,
    /// For the worker, and for health.
    pub queue: Arc<dyn WorkQueue>,
}

impl StorePorts {
    /// All ports of `store`.
    #[must_use]
    pub fn of(store: &Arc<dyn OrderStore>) -> Self {
        Self {
            writer: Arc::clone(store) as _,
            reader: Arc::clone(store) as _,
            feed: Arc::clone(store) as _,
            queue: Arc::clone(store) as _,
        }
    }
}

impl std::fmt::Debug for StorePorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorePorts")
            .field("shards", &self.feed.shards())
            .finish_non_exhaustive()
    }
}
