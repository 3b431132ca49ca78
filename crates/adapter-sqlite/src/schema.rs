//! Opens connections: their pragmas and the schema of the orders. Called when the store is opened, and by the reading side
//! of the index.
//!
//! The checksum of a migration covers its whole text, comments included: the files in `migrations` are never edited. Their
//! comments use older names: a place is a rowid (`rowid`), and the books are the checkpoint counters (`writer::counters`).

use std::path::Path;
use std::time::Duration;

use refinery::Runner;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::folder::DataFolder;
use crate::options::OpenError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// In WAL mode the writer and the readers wait for each other only during recovery after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the connection that writes orders, with the named VFS. Every commit is on stable storage when it returns.
pub(crate) fn open_orders(folder: &DataFolder, vfs: &str) -> Result<Connection, OpenError> {
    let dir = || folder.dir().to_owned();
    let database = |source| OpenError::Database { dir: dir(), source };
    let flags = OpenFlags::default();
    let mut connection =
        Connection::open_with_flags_and_vfs(folder.orders(), flags, vfs).map_err(database)?;
    keep_plans(&connection).map_err(database)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
    // In WAL mode synchronous=NORMAL loses acknowledged commits in a power cut; FULL does not. With secure_delete, space that
    // a change frees is overwritten with zeros, so that no earlier version of the row of an erased order remains.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
        )
        .map_err(database)?;
    let runner: Runner = embedded::migrations::runner();
    let newest = runner
        .get_migrations()
        .iter()
        .max_by_key(|migration| migration.version())
        .expect("at least one migration is embedded");
    let known = newest.version();
    let (found, checksum) = schema_version(&connection).map_err(database)?;
    let dir = dir();
    if found == 0 {
        runner
            .run(&mut connection)
            .map(|_| connection)
            .map_err(|source| OpenError::Migration {
                dir,
                source: Box::new(source),
            })
    } else if found > known {
        Err(OpenError::NewerSchema { dir, found, known })
    } else if found < known {
        // No earlier version was released, so none is migrated.
        Err(OpenError::EarlierSchema { dir, found, known })
    } else if checksum != newest.checksum().to_string() {
        Err(OpenError::ForeignSchema { dir, found })
    } else {
        Ok(connection)
    }
}

/// The version of the schema and the checksum of its migration; version 0 if there is no schema.
fn schema_version(connection: &Connection) -> rusqlite::Result<(i32, String)> {
    let has_history = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE name = 'refinery_schema_history'",
            [],
            |_| Ok(()),
        )
        .optional()?
        .is_some();
    if !has_history {
        return Ok((0, String::new()));
    }
    connection.query_row(
        "SELECT max(version), checksum FROM refinery_schema_history",
        [],
        |row| {
            let version: Option<i32> = row.get(0)?;
            let checksum: Option<String> = row.get(1)?;
            Ok((version.unwrap_or_default(), checksum.unwrap_or_default()))
        },
    )
}

/// Opens a read-only connection.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    keep_plans(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Plans each statement only when it is prepared. By default SQLite plans it again for other parameters, which takes longer
/// than reading an order.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}
