//! The sharded [`OrderStore`](application::ports::OrderStore) on PostgreSQL 15 and newer.
//!
//! Each shard is a database (or a schema) of its own with plain tables: `orders`, `events`, and `shard` with one row. For
//! people there are views of them in words and decimals (docs/POSTGRES.md). Several processes may write one shard. Each
//! process has, for each shard, one task that writes, by group commit on a connection of its own, and a bounded pool for
//! reading. Hints of commits reach other processes by a [`NotifyBus`], with a connection of its own, if there is one.
//!
//! The servers enforce what must hold across processes: keys and external ids by unique indexes, an order's state by
//! guards in SQL, claims by row locks, leases and due times by the server's clock, and `seq` by the lock on the row of
//! `shard`, which each commit takes last. A shard that is slow or away does not delay the others: its writes are refused
//! as unavailable, or reported as unknown if the connection broke after the commit was sent.
//!
//! The binary builds a [`PostgresStore`] and a [`NotifyBus`] from [`PostgresOptions`]. Nothing here
//! decides anything about an order: decisions come from the domain.

mod backoff;
mod claim;
mod columns;
mod connect;
mod contents;
mod counts;
mod due;
mod erasure;
mod error;
mod failure;
mod feed;
mod list;
mod notify_bus;
mod options;
mod plan;
mod probe;
mod progress;
mod queue;
mod record;
mod rows;
mod schema;
mod server_clock;
mod session;
mod shard;
mod shard_map;
mod shard_state;
mod start;
mod statements;
mod store;
mod tls;
mod tls_options;
mod transaction;
mod work;
mod writer;

pub use error::ConnectError;
pub use notify_bus::NotifyBus;
pub use options::{PostgresOptions, Tuning};
pub use shard_map::{BucketRange, ShardMap, ShardMapError};
pub use start::migrate;
pub use store::PostgresStore;
