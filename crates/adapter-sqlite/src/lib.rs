//! The embedded [`OrderStore`](application::ports::OrderStore): one folder, one process, nothing to install.
//!
//! How an order becomes durable: the caller's task encodes it (`prepared`) into a parcel of what comes at the same time
//! (`parcel`), a bounded queue (`queue`) hands that to the one writer (`writer`), which commits everything that waits in one
//! SQLite transaction with `synchronous=FULL`, publishes it (`published`, `index::memtable`) and answers (`outcome`). Reads run
//! on threads of their own (`read`). A commit maintains no tree in random order: lookups by user, key and external id live
//! in an index of their own (`index`).
//!
//! Opened by the binary. The hints that it gives after a commit, and its clocks, are handed in.

mod codec;
mod crowd;
mod due_work;
mod failure;
mod folder;
mod gathered_log;
mod index;
mod open;
mod options;
mod outcome;
mod parcel;
mod place;
mod prepared;
mod published;
mod queue;
mod read;
mod recent;
mod request;
mod room;
mod schema;
mod store;
mod waits;
mod writer;

use domain::ShardId;

pub use options::{OpenError, SqliteOptions, Tuning};
pub use store::SqliteStore;

const SHARD: ShardId = ShardId(0);

/// The shards of every embedded store: one.
pub const SHARDS: [ShardId; 1] = [SHARD];
