//! Looking things up in the index file, by each thread with a connection of its own.

use std::sync::Arc;

use domain::OrderId;
use rusqlite::Connection;

use super::memtable::IndexVersion;
use super::names::{NameHash, UserHash};
use super::runs::{self, Kind, Run};
use crate::folder::DataFolder;
use crate::schema::open_reader;

/// Greater than every id.
pub(crate) const PAST_ALL: [u8; 17] = [0xff; 17];

/// The stretch of all ids.
pub(super) const ALL: (&[u8], &[u8]) = (&[0; 16], &PAST_ALL);

/// The reading side of one thread.
pub(crate) struct IndexReader {
    folder: Arc<DataFolder>,
    open: Option<(u64, Connection)>,
    snapshot: Option<Snapshot>,
}

struct Snapshot {
    /// The version that had been seen when it was begun.
    version: IndexVersion,
    /// The runs as it shows them, once they have been read.
    runs: Option<Vec<Run>>,
}

impl IndexReader {
    pub(crate) const fn new(folder: Arc<DataFolder>) -> Self {
        Self {
            folder,
            open: None,
            snapshot: None,
        }
    }

    /// The file as it is at `version` or later, and its runs. Lookups of one version share a snapshot, which costs as
    /// much as a lookup.
    fn at(&mut self, version: IndexVersion) -> rusqlite::Result<(&Connection, &[Run])> {
        if self
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.version != version)
        {
            self.end_snapshot()?;
        }
        let connection = match self.open.take() {
            Some((open, connection)) if open == version.generation => connection,
            _ => open_reader(&self.folder.index(version.generation))?,
        };
        let (_, connection) = self.open.insert((version.generation, connection));
        if self.snapshot.is_none() {
            connection.prepare_cached("BEGIN")?.execute([])?;
        }
        let snapshot = self.snapshot.get_or_insert(Snapshot {
            version,
            runs: None,
        });
        let runs = match snapshot.runs.take() {
            Some(runs) => runs,
            None => runs::all(connection)?,
        };
        Ok((connection, snapshot.runs.insert(runs)))
    }

    /// Lets go of the snapshot, so that the file's log can be cut off. To be called after a few lookups.
    pub(crate) fn end_snapshot(&mut self) -> rusqlite::Result<()> {
        if self.snapshot.take().is_some()
            && let Some((_, connection)) = &self.open
        {
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// What `load` finds of the orders that had this name, newest first: the first thing that it finds. Entries of erased
    /// orders stay in the file, and the order that has the name now may be older than them (imported history): `load` is
    /// asked about each until it finds one.
    ///
    /// The outer error is one of the index, the inner one of `load`.
    pub(crate) fn named<T>(
        &mut self,
        version: IndexVersion,
        name: NameHash,
        mut load: impl FnMut(OrderId) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<rusqlite::Result<Option<T>>> {
        let mut found = Ok(None);
        self.newest_first(version, Kind::Names, &name.0, ALL, |id| {
            found = load(id);
            Ok(matches!(found, Ok(None)))
        })?;
        Ok(found)
    }

    /// Hands the user's orders with `from <= id < to` to `visit`, newest first, until it says that it has enough.
    pub(crate) fn of_user(
        &mut self,
        version: IndexVersion,
        user: UserHash,
        stretch: (&[u8], &[u8]),
        visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        self.newest_first(version, Kind::Lists, &user.to_bytes(), stretch, visit)
    }

    fn newest_first(
        &mut self,
        version: IndexVersion,
        kind: Kind,
        hash: &[u8],
        stretch: (&[u8], &[u8]),
        visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let (connection, runs) = self.at(version)?;
        let of_kind = runs.iter().filter(|run| run.kind == kind);
        runs::newest_first(connection, of_kind, hash, stretch, visit)
    }
}
