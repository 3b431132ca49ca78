//! The index file as the indexer writes it, which alone does. Compaction is in [`super::compaction`].

use std::path::Path;

use domain::EventPosition;
use rusqlite::Connection;

use super::manifest::{self, Manifest};
use super::memtable::Segment;
use super::names::NameHash;
use super::runs::{self, ForwardCursor, Kind, Merge, NewRun, Run};
use crate::schema::keep_plans;

/// The layout that this program writes. A file of another layout is rebuilt.
const LAYOUT: i32 = 5;

/// The writing side.
pub(crate) struct IndexFile {
    pub(super) connection: Connection,
    /// As it is in the file once the file is complete.
    pub(super) manifest: Manifest,
    is_complete: bool,
    pub(super) merge: Option<Merge>,
    /// Runs that are neither visible nor being written; their blocks are removed.
    pub(super) garbage: Vec<i64>,
}

/// Why an index file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("it has layout {found}, this program writes layout {LAYOUT}")]
    Layout { found: i32 },
    #[error("it has no manifest: it was never completed, or is damaged")]
    NoManifest,
    #[error("it indexes the orders of another store")]
    OtherStore,
    #[error("it reaches to event {}, which is not in the log of these orders", .through.seq)]
    OtherHistory { through: EventPosition },
}

impl IndexFile {
    /// A new, empty file. It is not in use before it is marked complete.
    pub(crate) fn create(path: &Path, store_id: &[u8]) -> rusqlite::Result<Self> {
        let connection = Self::connect(path)?;
        connection.execute_batch(runs::SCHEMA)?;
        connection.execute_batch(manifest::SCHEMA)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
        let manifest = Manifest {
            store_id: store_id.to_owned(),
            session: random_session(&connection)?,
            through: EventPosition::default(),
            runs: Vec::new(),
        };
        Ok(Self {
            connection,
            manifest,
            is_complete: false,
            merge: None,
            garbage: Vec::new(),
        })
    }

    /// The file at `path`, if it is complete, of this layout, and of this store. Whether its position is in the log is for the
    /// caller to check. Begins a new session.
    pub(crate) fn open(path: &Path, store_id: &[u8]) -> Result<Self, Unusable> {
        let connection = Self::connect(path)?;
        let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found != LAYOUT {
            return Err(Unusable::Layout { found });
        }
        let mut manifest = Manifest::read(&connection)?.ok_or(Unusable::NoManifest)?;
        if manifest.store_id != store_id {
            return Err(Unusable::OtherStore);
        }
        manifest.session = random_session(&connection)?;
        manifest.write(&connection)?;
        let mut garbage = runs::with_blocks(&connection)?;
        garbage.retain(|number| manifest.runs.iter().all(|run| run.number() != *number));
        Ok(Self {
            connection,
            manifest,
            is_complete: true,
            merge: None,
            garbage,
        })
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        keep_plans(&connection)?;
        connection.pragma_update(None, "page_size", runs::PAGE)?;
        // NORMAL: a power cut may undo the last transactions, manifest and blocks together; the log brings the entries again.
        // What a checkpoint moves out of the file's log at once is little, so that a flush of the orders does not wait for it.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 256;",
        )?;
        Ok(connection)
    }

    /// All orders that the log holds up to here are in the file.
    pub(crate) const fn through(&self) -> EventPosition {
        self.manifest.through
    }

    /// Identifies this file as this process writes it.
    pub(crate) const fn session(&self) -> u64 {
        self.manifest.session
    }

    /// Adds a segment, as runs of its own, in one transaction.
    pub(crate) fn add(&mut self, segment: &Segment) -> rusqlite::Result<()> {
        let mut lists: Vec<_> = segment
            .by_user()
            .map(|(user, id)| runs::listed(user, id))
            .collect();
        lists.sort_unstable();
        let mut names: Vec<_> = segment
            .names
            .iter()
            .map(|(name, id)| runs::named(*name, *id))
            .collect();
        names.sort_unstable();
        let mut manifest = self.manifest.clone();
        manifest.through = segment.through;
        let transaction = self.connection.transaction()?;
        let of_lists = write(&transaction, Kind::Lists, &lists)?;
        let of_names = write(&transaction, Kind::Names, &names)?;
        manifest
            .runs
            .extend([of_lists, of_names].into_iter().flatten());
        if self.is_complete {
            manifest.write(&transaction)?;
        }
        transaction.commit()?;
        self.manifest = manifest;
        Ok(())
    }

    /// Cursors over all names of the file, for [`IndexFile::next_names`].
    pub(crate) fn names(&self) -> Vec<ForwardCursor> {
        let runs = self.manifest.runs.iter();
        let of_names = runs.filter(|run| run.kind == Kind::Names);
        of_names.map(ForwardCursor::of).collect()
    }

    /// The names of the next block of these cursors; `None` once all blocks of all runs were read and verified.
    pub(crate) fn next_names(
        &self,
        cursors: &mut Vec<ForwardCursor>,
    ) -> rusqlite::Result<Option<Vec<NameHash>>> {
        while let Some(cursor) = cursors.last_mut() {
            if let Some(block) = cursor.next_block(&self.connection)? {
                return Ok(Some(runs::names_of(block).collect()));
            }
            cursors.pop();
        }
        Ok(None)
    }

    /// Writes the manifest: the file holds all that it should, and may be used, also by the next process.
    pub(crate) fn mark_complete(&mut self) -> rusqlite::Result<()> {
        self.manifest.write(&self.connection)?;
        self.is_complete = true;
        Ok(())
    }
}

fn random_session(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT random()", [], |row| row.get(0))
        .map(i64::cast_unsigned)
}

/// Writes a run of these entries; `None` if there are none.
fn write<const WIDTH: usize>(
    connection: &Connection,
    kind: Kind,
    entries: &[[u8; WIDTH]],
) -> rusqlite::Result<Option<Run>> {
    let mut run = NewRun::new(runs::random_number(connection)?, kind);
    for entry in entries {
        run.push(connection, entry)?;
    }
    run.finish(connection)
}
