//! Sorted runs: the contents of the index file.
//!
//! Each flush adds a run, which is written once and never changed, and runs of similar size are merged into larger ones (a
//! log-structured merge tree with tiered compaction; O'Neil et al. 1996). So an entry is written about once for every
//! fourfold growth of the store, always in sequence; a B-tree of that size would be written at random positions by every
//! flush. A lookup reads each run, of which there are a few for each tier.
//!
//! Entries are byte strings of one width, in byte order. They are stored in blocks, each about a page of SQLite, and the block
//! index finds a block by its first entry. A run is visible once the [manifest](super::manifest) lists it. A block of another
//! run belongs to an unfinished merge or to a merged run, and is removed as garbage.
//!
//! Nothing here trusts the tables: each block is verified when it is read ([`block`]), and so is that the blocks of a run form
//! a chain without gaps. A failed verification is reported as damage ([`super::damage`]).

mod block;
mod garbage;
mod lookup;
mod merge;
mod run;
mod write;

pub(crate) use garbage::{collect_garbage, with_blocks};
pub(crate) use lookup::newest_first;
pub(crate) use merge::{Due, ForwardCursor, Merge};
pub(crate) use run::{Kind, Run, key_entry, list_entry, random_number, unique_keys_of};
pub(crate) use write::{NewRun, PAGE};

/// The tables of runs. In the block index `first` is the first entry of the block. It is empty for the first block of a run,
/// so that there is a block for every key.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE block_index (run INTEGER NOT NULL, first BLOB NOT NULL, block INTEGER NOT NULL,
        PRIMARY KEY (run, first)) STRICT, WITHOUT ROWID;
    CREATE TABLE blocks (block INTEGER NOT NULL PRIMARY KEY, contents BLOB NOT NULL) STRICT;";
