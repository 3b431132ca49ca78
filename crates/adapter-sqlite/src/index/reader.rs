//! Looking things up in the index file, by each thread with a connection of its own.
//!
//! A lookup returns what was written or fails: see [`super::runs`] for the blocks. Before any block the manifest is
//! verified, and that it belongs to the file that this process writes, at the version that was asked for or a later one.

use std::sync::Arc;

use domain::OrderId;
use rusqlite::Connection;

use super::damage::{IndexFailure, damaged};
use super::manifest::Manifest;
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
            self.end_snapshot();
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
            None => runs_at(connection, version)?,
        };
        Ok((connection, snapshot.runs.insert(runs)))
    }

    /// Lets go of the snapshot, so that the file's log can be cut off. To be called after a few lookups. A connection that
    /// cannot end its transaction, as happens on a damaged file, is closed.
    pub(crate) fn end_snapshot(&mut self) {
        if self.snapshot.take().is_none() {
            return;
        }
        self.open.take_if(|(_, connection)| {
            let ended = || connection.prepare_cached("COMMIT")?.execute([]);
            // A failed read may have ended it already.
            !connection.is_autocommit() && ended().is_err()
        });
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
    ) -> Result<rusqlite::Result<Option<T>>, IndexFailure> {
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
    ) -> Result<(), IndexFailure> {
        self.newest_first(version, Kind::Lists, &user.to_bytes(), stretch, visit)
    }

    fn newest_first(
        &mut self,
        version: IndexVersion,
        kind: Kind,
        hash: &[u8],
        stretch: (&[u8], &[u8]),
        visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> Result<(), IndexFailure> {
        self.at(version)
            .and_then(|(connection, runs)| {
                let of_kind = runs.iter().filter(|run| run.kind == kind);
                runs::newest_first(connection, of_kind, hash, stretch, visit)
            })
            .map_err(|source| IndexFailure {
                generation: version.generation,
                file: self.folder.index(version.generation),
                source,
            })
    }
}

/// The runs of the snapshot that `connection` reads, if it is one of `version` or a later one.
fn runs_at(connection: &Connection, version: IndexVersion) -> rusqlite::Result<Vec<Run>> {
    let manifest = Manifest::read(connection)?.ok_or_else(|| damaged("its manifest is missing"))?;
    if manifest.session != version.session {
        return Err(damaged("it is not the file that this process writes"));
    }
    if manifest.through.seq.0 < version.through {
        return Err(damaged("it is an older copy of itself"));
    }
    Ok(manifest.runs)
}
