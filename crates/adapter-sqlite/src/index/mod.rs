//! The index by user, idempotency key and external id: a log-structured merge tree in a separate file, so that no commit
//! updates a tree in random order.
//!
//! The most recent orders are in memory ([`memtable`]). A thread ([`indexer`]) flushes them to the file ([`mod@file`]) as
//! sorted [`runs`], and merges runs ([`compaction`]). A lookup reads the memtable first and the file ([`reader`]) second. An
//! entry leaves the memtable only after it is in the file, so a lookup never misses it (it may find it twice). A Bloom
//! [`filter`] avoids most reads of the file.
//!
//! Only the index decides whether a key was used, so everything that is read from the file is verified: the [`manifest`] and
//! every block have a checksum, and the blocks of a run form a chain without gaps ([`runs`]). If the verification fails, the
//! lookup fails, and the file is rebuilt from the log, which is never truncated ([`damage`], [`replay`]). So the file needs
//! no sync at every step, and a file that does not match its orders is rebuilt.

pub(crate) mod compaction;
pub(crate) mod damage;
pub(crate) mod file;
pub(crate) mod filter;
pub(crate) mod hashes;
pub(crate) mod indexer;
pub(crate) mod manifest;
pub(crate) mod memtable;
pub(crate) mod reader;
pub(crate) mod replay;
pub(crate) mod runs;
#[cfg(test)]
mod tests;
