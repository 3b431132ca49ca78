//! The shards of an order store, which its feed and its queue are divided into.

use domain::{Bucket, ShardId};

/// Is divided into shards.
pub trait Sharded: Send + Sync + 'static {
    /// The shards, ascending.
    fn shards(&self) -> &[ShardId];

    /// Which shard owns a bucket.
    fn shard_of(&self, bucket: Bucket) -> ShardId;
}
