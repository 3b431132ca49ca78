//! Writing the index file. Only the indexer does it; [`super::reader`] reads the file, and [`super::compaction`] merges its
//! runs.

use std::path::Path;

use domain::EventPosition;
use rusqlite::Connection;

use super::hashes::UniqueKeyHash;
use super::manifest::{self, Manifest};
use super::memtable::Segment;
use super::runs::{self, ForwardCursor, Kind, Merge, NewRun, Run};
use crate::schema::keep_plans;

/// The layout version of the file. A file with another version is rebuilt.
const LAYOUT: i32 = 5;

/// The index file, open for writing.
pub(crate) struct IndexFile {
    pub(super) connection: Connection,
    /// The manifest; it is in the file once the file is complete.
    pub(super) manifest: Manifest,
    is_complete: bool,
    pub(super) merge: Option<Merge>,
    /// Runs that are neither visible nor being written. Compaction removes their blocks.
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
    /// Creates an empty file. It must not be read before it is marked as complete.
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

    /// Opens the file at `path` and begins a new session. The caller has to check that its position is in the log.
    ///
    /// # Errors
    /// If the file is incomplete, or has another layout or the orders of another store.
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
        // With synchronous=NORMAL a power cut may undo the last transactions, manifest and blocks together; their entries are
        // replayed from the log. Checkpoints are small, so that a flush of the orders does not wait long for one.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 256;",
        )?;
        Ok(connection)
    }

    /// The position in the log up to which all orders are in the file.
    pub(crate) const fn through(&self) -> EventPosition {
        self.manifest.through
    }

    /// The session in which this process writes the file.
    pub(crate) const fn session(&self) -> u64 {
        self.manifest.session
    }

    /// Adds a segment as new runs, in one transaction.
    pub(crate) fn add(&mut self, segment: &Segment) -> rusqlite::Result<()> {
        let mut lists: Vec<_> = segment
            .by_user()
            .map(|(user, id)| runs::list_entry(user, id))
            .collect();
        lists.sort_unstable();
        let mut unique_keys: Vec<_> = segment
            .unique_keys
            .iter()
            .map(|(key, id)| runs::key_entry(*key, *id))
            .collect();
        unique_keys.sort_unstable();
        let mut manifest = self.manifest.clone();
        manifest.through = segment.through;
        let transaction = self.connection.transaction()?;
        let list_run = write_run(&transaction, Kind::Lists, &lists)?;
        let key_run = write_run(&transaction, Kind::UniqueKeys, &unique_keys)?;
        manifest
            .runs
            .extend([list_run, key_run].into_iter().flatten());
        if self.is_complete {
            manifest.write(&transaction)?;
        }
        transaction.commit()?;
        self.manifest = manifest;
        Ok(())
    }

    /// Cursors over all unique keys of the file, for [`IndexFile::next_unique_keys`].
    pub(crate) fn unique_keys(&self) -> Vec<ForwardCursor> {
        let runs = self.manifest.runs.iter();
        let key_runs = runs.filter(|run| run.kind == Kind::UniqueKeys);
        key_runs.map(ForwardCursor::of).collect()
    }

    /// The unique keys of the next block of these cursors; `None` after all blocks of all runs were read and verified.
    pub(crate) fn next_unique_keys(
        &self,
        cursors: &mut Vec<ForwardCursor>,
    ) -> rusqlite::Result<Option<Vec<UniqueKeyHash>>> {
        while let Some(cursor) = cursors.last_mut() {
            if let Some(block) = cursor.next_block(&self.connection)? {
                return Ok(Some(runs::unique_keys_of(block).collect()));
            }
            cursors.pop();
        }
        Ok(None)
    }

    /// Marks the file as complete by writing the manifest. From now on it may be read, also by the next process.
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

/// Writes a run of sorted entries; returns `None` if there are none.
fn write_run<const WIDTH: usize>(
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
