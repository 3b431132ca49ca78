//! Sorted runs: what the index file is made of.
//!
//! A batch of entries becomes a run of its own, written once and never changed, and runs of like size are merged into
//! larger ones (a log-structured merge tree, O'Neil et al. 1996, with merging by tiers). So an entry is written about
//! once for every fourfold growth of the store, always beside its neighbours, where a tree that takes entries in place is
//! written all over by every batch once it is large. A lookup asks each run, of which there are a few for each tier.
//!
//! Entries are byte strings of one width, compared as such. They are packed in blocks, each about a page of SQLite, and
//! the block index finds a block by its first entry. A run is visible once the [manifest](super::manifest) names it; a block
//! of another run belongs to a merge that was never finished, or to a run that was merged, and is removed as garbage.
//!
//! Nothing here believes what the tables say: each block is verified when it is read ([`block`]), and so is that the blocks
//! of a run follow each other without a gap. What does not verify fails as damage ([`super::damage`]).

mod block;
mod lookup;
mod merge;
mod write;

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, params};

use super::damage::damaged;
use super::names::{NameHash, UserHash};
use crate::codec::{Reader, Unreadable, put_number};
pub(crate) use lookup::newest_first;
pub(crate) use merge::{Due, ForwardCursor, Merge};
pub(crate) use write::NewRun;

/// The tables of runs. In the block index `first` is the first entry of the block, and empty for the first block of a run,
/// so that there is a block for every key.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE block_index (run INTEGER NOT NULL, first BLOB NOT NULL, block INTEGER NOT NULL,
        PRIMARY KEY (run, first)) STRICT, WITHOUT ROWID;
    CREATE TABLE blocks (block INTEGER NOT NULL PRIMARY KEY, contents BLOB NOT NULL) STRICT;";

/// The page of SQLite, in bytes: larger ones are written with fewer calls to the kernel, smaller ones are read sooner.
/// A merge costs 0.13 us of CPU an entry, with pages of 4 KiB 0.19.
pub(crate) const PAGE: u32 = 8_192;

/// The bytes of an id, with which every entry ends.
const ID: usize = 16;

/// What a run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Orders by user or external id: the hash of 64 bits and the order's id.
    Lists,
    /// Keys and external ids: the hash of 128 bits and the order's id.
    Names,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Lists => 1,
            Self::Names => 2,
        }
    }

    /// The bytes of an entry.
    pub(crate) const fn width(self) -> usize {
        match self {
            Self::Lists => 8 + ID,
            Self::Names => 16 + ID,
        }
    }

    fn from_code(code: u8) -> Result<Self, Unreadable> {
        match code {
            1 => Ok(Self::Lists),
            2 => Ok(Self::Names),
            _ => Err(Unreadable::because("a run of no known kind")),
        }
    }
}

/// An entry of a list.
pub(crate) fn listed(user: UserHash, id: OrderId) -> [u8; 8 + ID] {
    let mut entry = [0; 8 + ID];
    entry[..8].copy_from_slice(&user.to_bytes());
    entry[8..].copy_from_slice(id.as_bytes());
    entry
}

/// An entry of a name.
pub(crate) fn named(name: NameHash, id: OrderId) -> [u8; 16 + ID] {
    let mut entry = [0; 16 + ID];
    entry[..16].copy_from_slice(&name.0);
    entry[16..].copy_from_slice(id.as_bytes());
    entry
}

/// The order that an entry is of.
fn order_of(entry: &[u8]) -> OrderId {
    let id = entry.last_chunk().expect("an entry ends with an id");
    OrderId::from_bytes(*id)
}

/// The names of a block of names.
pub(crate) fn names_of(entries: &[u8]) -> impl Iterator<Item = NameHash> {
    let (entries, _) = entries.as_chunks::<{ 16 + ID }>();
    entries.iter().map(|entry| {
        let (name, _) = entry.split_at(16);
        NameHash(name.try_into().expect("16 bytes were split off"))
    })
}

/// A run that is complete.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Drawn at random, so that no other run has it: neither one of another file nor one of an earlier time.
    number: i64,
    pub(crate) kind: Kind,
    entries: u64,
    oldest: OrderId,
    newest: OrderId,
}

impl Run {
    /// Appends the run as the manifest has it.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.push(self.kind.code());
        put_number(bytes, self.entries);
        bytes.extend_from_slice(self.oldest.as_bytes());
        bytes.extend_from_slice(self.newest.as_bytes());
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            number: i64::from_le_bytes(reader.array()?),
            kind: Kind::from_code(reader.byte()?)?,
            entries: reader.number()?,
            oldest: OrderId::from_bytes(reader.array()?),
            newest: OrderId::from_bytes(reader.array()?),
        })
    }

    pub(crate) const fn number(&self) -> i64 {
        self.number
    }

    #[cfg(test)]
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }
}

/// A number for a run, of those above zero.
pub(crate) fn random_number(connection: &Connection) -> rusqlite::Result<i64> {
    let random: i64 = connection
        .prepare_cached("SELECT random()")?
        .query_row([], |row| row.get(0))?;
    Ok(random & i64::MAX)
}

/// Removes up to `blocks` blocks of a run that is not visible; `true` once none is left.
pub(crate) fn collect_garbage(
    connection: &Connection,
    run: i64,
    blocks: usize,
) -> rusqlite::Result<bool> {
    let found: Vec<(Vec<u8>, i64)> = connection
        .prepare_cached(
            "SELECT first, block FROM block_index WHERE run = ?1 ORDER BY first LIMIT ?2",
        )?
        .query_map(params![run, blocks.cast_signed()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut remove_block = connection.prepare_cached("DELETE FROM blocks WHERE block = ?1")?;
    let mut remove_from_index =
        connection.prepare_cached("DELETE FROM block_index WHERE run = ?1 AND first = ?2")?;
    for (first, block) in &found {
        // Rows that are read and cannot be removed would be found again without end.
        if remove_block.execute([block])? + remove_from_index.execute(params![run, first])? != 2 {
            return Err(damaged("a block cannot be removed"));
        }
    }
    Ok(found.len() < blocks)
}

/// The numbers of all runs that have blocks, whether they are visible or not, ascending.
pub(crate) fn with_blocks(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut next =
        connection.prepare("SELECT run FROM block_index WHERE run > ?1 ORDER BY run LIMIT 1")?;
    let mut last = -1;
    while let Some(number) = next.query_row([last], |row| row.get(0)).optional()? {
        if number <= last {
            return Err(damaged("the block index is out of order"));
        }
        numbers.push(number);
        last = number;
    }
    Ok(numbers)
}
