//! The settings of a store on PostgreSQL. Built by the binary from the section `[store]`; `connect` checks them.

use std::time::Duration;

use crate::shard_map::ShardMap;

/// The settings of a [`PostgresStore`](crate::PostgresStore). The binary fills it from the configuration, which alone has
/// defaults of what operators set. Its `Debug` form shows no data source name, because those hold passwords.
#[derive(Clone)]
pub struct PostgresOptions {
    /// One data source name a shard, as a URL or as `key=value` pairs; its place is the shard's number.
    pub shards: Vec<String>,
    /// Which shard owns which bucket.
    pub map: ShardMap,
    /// Connections for reading and for heartbeats, per shard. The store uses one more per shard for writing, and at the
    /// start one for the schema; a [`NotifyBus`](crate::NotifyBus) uses one.
    pub pool_size: usize,
    /// The most decisions that wait for a shard; past it a caller is told that the store is overloaded. A decision
    /// with more than 16 KiB of text counts as several, here and in `batch`.
    pub queue: usize,
    /// The most decisions in one transaction.
    pub batch: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long the start waits for shards that cannot be reached. It then goes on without them, as long as there
    /// is one.
    pub start_timeout: Duration,
    /// What operators do not set.
    pub tuning: Tuning,
}

/// Waits that operators do not set; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// How long a statement may take, on the server and seen from here.
    pub statement_timeout: Duration,
    /// The longest pause between two attempts to reach a shard that is away.
    pub max_backoff: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(10),
            max_backoff: Duration::from_secs(5),
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("shards", &self.shards.len())
            .field("map", &self.map)
            .field("pool_size", &self.pool_size)
            .field("queue", &self.queue)
            .field("batch", &self.batch)
            .field("connect_timeout", &self.connect_timeout)
            .field("start_timeout", &self.start_timeout)
            .field("tuning", &self.tuning)
            .finish()
    }
}
