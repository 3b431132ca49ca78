//! Sorted runs: what the index file is made of.
//!
//! A batch of entries becomes a run of its own, written once and never changed, and runs of like size are merged into
//! larger ones (a log-structured merge tree, O'Neil et al. 1996, with merging by tiers). So an entry is written about
//! once for every fourfold growth of the store, always beside its neighbours, where a tree that takes entries in place is
//! written all over by every batch once it is large. A lookup asks each run, of which there are a few for each tier.
//!
//! Entries are byte strings of one width, compared as such. They are packed in blocks, each about a page of SQLite, and
//! the block index finds a block by its first entry. A run becomes visible with its row in `runs`; a block whose run has none
//! belongs to a merge that was never finished, or to a run that was merged, and is removed as garbage.

mod lookup;
mod merge;
mod write;

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, Row, ffi, params};

use super::names::{NameHash, UserHash};
pub(crate) use lookup::newest_first;
pub(crate) use merge::{Due, ForwardCursor, Merge};
pub(crate) use write::NewRun;

/// The tables of runs.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE runs (run INTEGER NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, entries INTEGER NOT NULL,
        oldest BLOB NOT NULL, newest BLOB NOT NULL) STRICT;
    CREATE TABLE block_index (run INTEGER NOT NULL, first BLOB NOT NULL, block INTEGER NOT NULL,
        PRIMARY KEY (run, first)) STRICT, WITHOUT ROWID;
    CREATE TABLE blocks (block INTEGER NOT NULL PRIMARY KEY, entries BLOB NOT NULL) STRICT;";

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
    const fn code(self) -> i64 {
        match self {
            Self::Lists => 1,
            Self::Names => 2,
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::Lists => 8 + ID,
            Self::Names => 16 + ID,
        }
    }

    fn from_code(code: i64) -> rusqlite::Result<Self> {
        match code {
            1 => Ok(Self::Lists),
            2 => Ok(Self::Names),
            _ => Err(damaged("a run of no known kind")),
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
    number: i64,
    pub(crate) kind: Kind,
    entries: u64,
    oldest: OrderId,
    newest: OrderId,
}

impl Run {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            kind: Kind::from_code(row.get(1)?)?,
            entries: row.get::<_, i64>(2)?.cast_unsigned(),
            oldest: OrderId::from_bytes(row.get(3)?),
            newest: OrderId::from_bytes(row.get(4)?),
        })
    }

    pub(crate) const fn number(&self) -> i64 {
        self.number
    }

    #[cfg(test)]
    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }
}

/// All runs of a file that are complete.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare_cached("SELECT run, kind, entries, oldest, newest FROM runs")?
        .query_map([], Run::of_row)?
        .collect()
}

/// The first entry and the entries of a block.
fn block_of<'r>(row: &'r Row<'_>, width: usize) -> rusqlite::Result<(&'r [u8], &'r [u8])> {
    let first = row.get_ref(0)?.as_blob()?;
    let entries = row.get_ref(1)?.as_blob()?;
    if entries.is_empty() || entries.len() % width != 0 || !entries.starts_with(first) {
        return Err(damaged("a block of a run is not what the block index says"));
    }
    Ok((first, entries))
}

/// As SQLite says that its file is damaged.
fn damaged(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_CORRUPT),
        Some(format!("the index is damaged: {what}")),
    )
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
        remove_block.execute([block])?;
        remove_from_index.execute(params![run, first])?;
    }
    Ok(found.len() < blocks)
}

/// The numbers of all runs that have blocks, whether they are visible or not, ascending.
pub(crate) fn with_blocks(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut next =
        connection.prepare("SELECT run FROM block_index WHERE run > ?1 ORDER BY run LIMIT 1")?;
    let mut last = i64::MIN;
    while let Some(number) = next.query_row([last], |row| row.get(0)).optional()? {
        numbers.push(number);
        last = number;
    }
    Ok(numbers)
}
