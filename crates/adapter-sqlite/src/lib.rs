//! The embedded order store on SQLite: one data folder, one process, nothing to install. It implements the store ports of
//! `application`: [`OrderWriter`](application::ports::OrderWriter), [`OrderReader`](application::ports::OrderReader),
//! [`EventFeed`](application::ports::EventFeed) and [`WorkQueue`](application::ports::WorkQueue).
//!
//! How an order becomes durable:
//! 1. The caller's task encodes the write (`encoded_write`) and adds it to the open batch (`write_batch`) of a bounded queue
//!    (`queue`).
//! 2. One writer thread (`writer`) takes all queued batches, applies them in one SQLite transaction with `synchronous=FULL`,
//!    publishes the result to the readers (`committed_state`, `index::memtable`), and answers the callers (`completion`).
//! 3. Reads run on their own threads (`read`).
//!
//! A commit updates no tree in random order: lookups by user, idempotency key and external id use a separate index file
//! (`index`), which a background thread maintains.
//!
//! The binary opens the store and passes in its clocks and the hints that it sends after each commit.

mod codec;
mod commit_delay;
mod committed_state;
mod completion;
mod due_work;
mod encoded_write;
mod event_ring;
mod failure;
mod folder;
mod gathered_log;
mod index;
mod job_state;
mod open;
mod options;
mod order_row;
mod queue;
mod read;
mod request;
mod rowid;
mod schema;
mod shard;
mod space_probe;
mod store;
mod write_batch;
mod writer;

pub use options::{OpenError, SqliteOptions, Tuning};
pub use shard::SHARDS;
pub use store::SqliteStore;
