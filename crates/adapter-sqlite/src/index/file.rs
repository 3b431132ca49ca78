//! The part of the index that is on disk. Written by the indexer alone, read by everyone with a connection of their
//! own.

use std::path::Path;

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, params};

use super::names::{NameHash, UserHash};
use super::tail::{Edition, Segment};
use crate::folder::DataFolder;
use crate::schema::{keep_plans, open_reader};

/// The layout that this program writes. A file of another one is built anew. 2: `by_user` lists by external id, too.
const LAYOUT: i32 = 2;

const SCHEMA: &str = "
    CREATE TABLE by_user (user_hash INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (user_hash, id))
        STRICT, WITHOUT ROWID;
    CREATE TABLE by_name (name_hash BLOB NOT NULL PRIMARY KEY, id BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE mark (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), store_id BLOB NOT NULL,
        through INTEGER NOT NULL, complete INTEGER NOT NULL) STRICT;";

/// The writing side.
pub(crate) struct IndexFile {
    connection: Connection,
    /// Every order that the log holds up to here is in the file.
    through: u64,
}

impl IndexFile {
    /// A new, empty file. Not in use before it is marked complete.
    pub(crate) fn create(path: &Path, store_id: &[u8]) -> rusqlite::Result<Self> {
        let connection = Self::connect(path)?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
        connection.execute("INSERT INTO mark VALUES (1, ?1, 0, 0)", [store_id])?;
        Ok(Self {
            connection,
            through: 0,
        })
    }

    /// The file that is there, if it is complete, of our layout, and belongs to this store with this head.
    pub(crate) fn open(path: &Path, store_id: &[u8], head: u64) -> rusqlite::Result<Option<Self>> {
        let connection = Self::connect(path)?;
        let layout: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if layout != LAYOUT {
            return Ok(None);
        }
        let mark: Option<i64> = connection
            .query_row(
                "SELECT through FROM mark WHERE complete = 1 AND store_id = ?1",
                [store_id],
                |row| row.get(0),
            )
            .optional()?;
        // A mark past the head belongs to a log that was longer: the orders were restored from an older copy.
        Ok(mark
            .and_then(|through| u64::try_from(through).ok())
            .filter(|through| *through <= head)
            .map(|through| Self {
                connection,
                through,
            }))
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        keep_plans(&connection)?;
        // NORMAL: a power cut may take the last batches back, mark and entries together; the log brings them again.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        Ok(connection)
    }

    pub(crate) const fn through(&self) -> u64 {
        self.through
    }

    /// Adds a segment and moves the mark, in one transaction.
    pub(crate) fn add(&mut self, segment: &Segment) -> rusqlite::Result<()> {
        let mut users: Vec<(UserHash, OrderId)> = segment.by_user().collect();
        users.sort_unstable();
        let mut names: Vec<(NameHash, OrderId)> = segment
            .names
            .iter()
            .map(|(name, id)| (*name, *id))
            .collect();
        names.sort_unstable();
        let transaction = self.connection.transaction()?;
        {
            let mut add_user = transaction
                .prepare_cached("INSERT OR IGNORE INTO by_user (user_hash, id) VALUES (?1, ?2)")?;
            for (user, id) in &users {
                add_user.execute(params![user.0, id.as_bytes()])?;
            }
            let mut add_name = transaction
                .prepare_cached("INSERT OR IGNORE INTO by_name (name_hash, id) VALUES (?1, ?2)")?;
            for (name, id) in &names {
                add_name.execute(params![name.0, id.as_bytes()])?;
            }
            transaction
                .prepare_cached("UPDATE mark SET through = ?1")?
                .execute([segment.through.cast_signed()])?;
        }
        transaction.commit()?;
        self.through = segment.through;
        Ok(())
    }

    /// The next names after `last`, ascending, at most `limit`.
    pub(crate) fn names_after(
        &self,
        last: Option<NameHash>,
        limit: usize,
    ) -> rusqlite::Result<Vec<NameHash>> {
        let last = last.map_or(Vec::new(), |name| name.0.to_vec());
        let mut statement = self.connection.prepare_cached(
            "SELECT name_hash FROM by_name WHERE name_hash > ?1 ORDER BY name_hash LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![last, limit], |row| row.get(0).map(NameHash))?;
        rows.collect()
    }

    /// The file holds all that it should: it may be used, also by the next process.
    pub(crate) fn mark_complete(&self) -> rusqlite::Result<()> {
        self.connection
            .execute("UPDATE mark SET complete = 1", [])
            .map(drop)
    }
}

/// The reading side of one thread.
pub(crate) struct IndexReader {
    folder: std::sync::Arc<DataFolder>,
    open: Option<(u64, Connection)>,
    /// The edition that had been seen when the snapshot under way was begun.
    snapshot: Option<Edition>,
}

impl IndexReader {
    pub(crate) const fn new(folder: std::sync::Arc<DataFolder>) -> Self {
        Self {
            folder,
            open: None,
            snapshot: None,
        }
    }

    /// The file as it is at `edition` or later. Lookups of one edition share a snapshot, which costs as much as a
    /// lookup.
    fn at(&mut self, edition: Edition) -> rusqlite::Result<&Connection> {
        if self.snapshot != Some(edition) {
            self.end_snapshot()?;
        }
        let is_begun = self.snapshot.is_some();
        let connection = match self.open.take() {
            Some((open, connection)) if open == edition.generation => connection,
            _ => open_reader(&self.folder.index(edition.generation))?,
        };
        if !is_begun {
            connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot = Some(edition);
        }
        let (_, connection) = self.open.insert((edition.generation, connection));
        Ok(connection)
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

    /// The order of this name.
    pub(crate) fn named(
        &mut self,
        edition: Edition,
        name: NameHash,
    ) -> rusqlite::Result<Option<OrderId>> {
        self.at(edition)?
            .prepare_cached("SELECT id FROM by_name WHERE name_hash = ?1")?
            .query_row([name.0], |row| row.get(0).map(OrderId::from_bytes))
            .optional()
    }

    /// Hands the user's orders with `from <= id < to` to `visit`, newest first, until it says that it has enough.
    pub(crate) fn of_user(
        &mut self,
        edition: Edition,
        user: UserHash,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.at(edition)?.prepare_cached(
            "SELECT id FROM by_user WHERE user_hash = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC",
        )?;
        let mut rows = statement.query(params![user.0, from, to])?;
        while let Some(row) = rows.next()? {
            if !visit(OrderId::from_bytes(row.get(0)?))? {
                break;
            }
        }
        Ok(())
    }
}
