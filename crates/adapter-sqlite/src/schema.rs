//! Opening connections: pragmas and the schema. Called when the store is opened and by each of its threads.

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

/// Writer and readers do not wait for one another in WAL mode, except for recovery after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection that writes orders, over this file layer: every commit is on stable storage when it returns.
pub(crate) fn open_orders(folder: &DataFolder, layer: &str) -> Result<Connection, OpenError> {
    let dir = || folder.dir().to_owned();
    let database = |source| OpenError::Database { dir: dir(), source };
    let flags = OpenFlags::default();
    let mut connection =
        Connection::open_with_flags_and_vfs(folder.orders(), flags, layer).map_err(database)?;
    keep_plans(&connection).map_err(database)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
    // WAL with synchronous=NORMAL loses acknowledged commits in a power cut; FULL does not. What a change frees in the file
    // is overwritten with zeros, so that an erased order leaves no copy of an earlier version of its row.
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
        .expect("there are migrations");
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
        // None of them was released: there is nothing to bring up to date.
        Err(OpenError::EarlierSchema { dir, found, known })
    } else if checksum != newest.checksum().to_string() {
        Err(OpenError::ForeignSchema { dir, found })
    } else {
        Ok(connection)
    }
}

/// The version of the schema, 0 if there is none, and the checksum of the migration that made it.
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

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    keep_plans(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// A statement is planned once, when it is prepared. Left to itself SQLite plans it anew for other parameters, which
/// takes longer than reading an order does.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}
