//! Lookups in the index file. The writer and each reading thread have a reader with its own connection.
//!
//! A lookup returns what was written, or fails: blocks are verified ([`super::runs`]), and before the first block the
//! manifest is verified. The manifest has to belong to the session of this process, at the requested version or a later one.

use std::sync::Arc;

use domain::OrderId;
use rusqlite::Connection;

use super::damage::{IndexFailure, damaged};
use super::hashes::{UniqueKeyHash, UserHash};
use super::manifest::Manifest;
use super::memtable::IndexVersion;
use super::runs::{self, Kind, Run};
use crate::folder::DataFolder;
use crate::schema::open_reader;

/// A bound that is greater than every id.
pub(crate) const PAST_ALL: [u8; 17] = [0xff; 17];

/// The range of all ids.
pub(super) const ALL: (&[u8], &[u8]) = (&[0; 16], &PAST_ALL);

/// The index file, open for reading in one thread.
pub(crate) struct IndexReader {
    folder: Arc<DataFolder>,
    open: Option<(u64, Connection)>,
    snapshot: Option<Snapshot>,
}

struct Snapshot {
    /// The version for which it was begun.
    version: IndexVersion,
    /// The visible runs; `None` until they are read.
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

    /// A snapshot of the file at `version` or later, and its runs. Lookups of one version share a snapshot, because beginning
    /// one costs as much as a lookup.
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

    /// Ends the snapshot, so that the write-ahead log of the file can restart. The caller does it after a few lookups. A
    /// connection that cannot end its transaction, as happens with a damaged file, is closed.
    pub(crate) fn end_snapshot(&mut self) {
        if self.snapshot.take().is_none() {
            return;
        }
        self.open.take_if(|(_, connection)| {
            let ended = || connection.prepare_cached("COMMIT")?.execute([]);
            // A failed read may have ended the transaction already.
            !connection.is_autocommit() && ended().is_err()
        });
    }

    /// Calls `load` for each order that ever had this unique key, newest first, until it returns `Some`. Several orders can have
    /// an entry: those of erased orders stay in the file, and the present one may be older (imported history).
    ///
    /// The outer error is one of the index, the inner one of `load`.
    pub(crate) fn find_by_key<T>(
        &mut self,
        version: IndexVersion,
        key: UniqueKeyHash,
        mut load: impl FnMut(OrderId) -> rusqlite::Result<Option<T>>,
    ) -> Result<rusqlite::Result<Option<T>>, IndexFailure> {
        let mut found = Ok(None);
        self.newest_first(version, Kind::UniqueKeys, &key.0, ALL, |id| {
            found = load(id);
            Ok(matches!(found, Ok(None)))
        })?;
        Ok(found)
    }

    /// Calls `visit` for the orders of a list with `from <= id < to`, newest first, until it returns `false`.
    pub(crate) fn of_user(
        &mut self,
        version: IndexVersion,
        user: UserHash,
        range: (&[u8], &[u8]),
        visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> Result<(), IndexFailure> {
        self.newest_first(version, Kind::Lists, &user.to_bytes(), range, visit)
    }

    fn newest_first(
        &mut self,
        version: IndexVersion,
        kind: Kind,
        hash: &[u8],
        range: (&[u8], &[u8]),
        visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> Result<(), IndexFailure> {
        self.at(version)
            .and_then(|(connection, runs)| {
                let of_kind = runs.iter().filter(|run| run.kind == kind);
                runs::newest_first(connection, of_kind, hash, range, visit)
            })
            .map_err(|source| IndexFailure {
                generation: version.generation,
                file: self.folder.index(version.generation),
                source,
            })
    }
}

/// The runs of the snapshot that `connection` reads. Fails if the snapshot is older than `version` or of another session.
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
