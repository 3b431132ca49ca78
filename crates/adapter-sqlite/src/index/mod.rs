//! The index by user, idempotency key and external id: kept beside the orders, in a file of its own, so that no
//! commit waits for a tree in random order.
//!
//! What was committed last is in memory ([`memtable`]); a thread ([`indexer`]) moves it to the file ([`mod@file`]) in sorted
//! batches, each a run of its own, and merges [`runs`] ([`compaction`]). A lookup reads the memtable first and the file
//! ([`reader`]) second: an entry leaves the memtable only after it is in the file, so it is never missed (it may be seen
//! twice). A [`filter`] spares most reads of the file.
//!
//! The index alone decides whether a key was used, so nothing that is read from the file is believed unverified: the
//! [`manifest`] and every block carry a checksum, and the blocks of a run are a chain without gaps ([`runs`]). What does not
//! verify fails the lookup, and the file is rebuilt from the log, which is never cut off ([`damage`]). The file is
//! therefore not synced at every step, and rebuilt whenever it does not fit its orders.

pub(crate) mod compaction;
pub(crate) mod damage;
pub(crate) mod file;
pub(crate) mod filter;
pub(crate) mod indexer;
pub(crate) mod manifest;
pub(crate) mod memtable;
pub(crate) mod names;
pub(crate) mod reader;
pub(crate) mod replay;
pub(crate) mod runs;
#[cfg(test)]
mod tests;
