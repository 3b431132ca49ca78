//! The identity of the one shard of an embedded store.

use domain::ShardId;

pub(crate) const SHARD: ShardId = ShardId(0);

/// The shards of every embedded store: one.
pub const SHARDS: [ShardId; 1] = [SHARD];
