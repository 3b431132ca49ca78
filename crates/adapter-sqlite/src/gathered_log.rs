//! The SQLite VFS of the connection that writes orders. It buffers the pages of a commit and writes them to the write-ahead
//! log with one system call; the VFS of the platform makes two calls for each page.
//!
//! The VFS is written in C (`native/gathered_log.c`, which also states its invariant) and registers itself; this module has
//! its name and its tests. Only connections with `synchronous = FULL` may use it.

// The VFS is compiled against the header of this crate (build.rs).
use libsqlite3_sys as _;

/// The name under which it is registered.
pub(crate) const NAME: &str = "gathered-log";
/// The VFS of the platform.
#[cfg(any(test, feature = "broken-twins"))]
pub(crate) const PLATFORM: &str = "unix";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::{Connection, OpenFlags, params};

    use super::{NAME, PLATFORM};

    fn open(path: &Path, vfs: &str) -> Connection {
        let connection =
            Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL);",
            )
            .unwrap();
        connection
    }

    /// Adds rows of about a page each.
    fn add(connection: &Connection, numbers: std::ops::Range<i64>, text: &str) {
        for number in numbers {
            connection
                .execute(
                    "INSERT OR REPLACE INTO rows VALUES (?1, ?2)",
                    params![number, text.repeat(3_000)],
                )
                .unwrap();
        }
    }

    /// The number of rows with this text.
    fn count(connection: &Connection, text: &str) -> i64 {
        connection
            .query_row(
                "SELECT count(*) FROM rows WHERE text = ?1",
                [text.repeat(3_000)],
                |row| row.get(0),
            )
            .unwrap()
    }

    fn is_sound(connection: &Connection) -> bool {
        connection
            .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
            .is_ok_and(|said| said == "ok")
    }

    /// The number of write calls of this thread so far.
    #[cfg(target_os = "linux")]
    fn write_calls() -> u64 {
        let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let calls = io.lines().find_map(|line| line.strip_prefix("syscw: "));
        calls.unwrap().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_commit_of_many_pages_is_written_by_one_call() {
        let folder = tempfile::tempdir().unwrap();
        let calls_of_a_commit = |vfs: &str| {
            let connection = open(&folder.path().join(vfs), vfs);
            // The first commit also writes the header of the log.
            add(&connection, 0..1, "a");
            let before = write_calls();
            connection.execute_batch("BEGIN").unwrap();
            add(&connection, 1..11, "b");
            connection.execute_batch("COMMIT").unwrap();
            write_calls() - before
        };
        assert_eq!(calls_of_a_commit(NAME), 1);
        let unbuffered = calls_of_a_commit(PLATFORM);
        assert!(unbuffered >= 20, "{unbuffered}: each page is a call");
    }

    #[test]
    fn other_connections_see_a_commit_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let writer = open(&path, NAME);
        let reader = open(&path, PLATFORM);
        // More commits than the log holds before it restarts.
        for number in 0..2_000 {
            add(&writer, number..number + 1, "a");
            if number % 100 == 0 {
                assert_eq!(count(&reader, "a"), number + 1);
            }
        }
        assert!(is_sound(&reader));
    }

    /// A transaction that is larger than the cache writes pages before it commits, reads them again, and writes a page again
    /// if it changes it twice.
    #[test]
    fn a_transaction_larger_than_the_cache_reads_its_own_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let writer = open(&path, NAME);
        writer.execute_batch("PRAGMA cache_size = 10;").unwrap();
        let reader = open(&path, PLATFORM);
        for end in ["ROLLBACK", "COMMIT"] {
            writer.execute_batch("BEGIN").unwrap();
            add(&writer, 0..300, "a");
            assert_eq!(count(&writer, "a"), 300);
            add(&writer, 100..200, "b");
            assert_eq!((count(&writer, "a"), count(&writer, "b")), (200, 100));
            assert_eq!(count(&reader, "a"), 0);
            writer.execute_batch(end).unwrap();
        }
        assert_eq!((count(&reader, "a"), count(&reader, "b")), (200, 100));
        assert!(is_sound(&writer) && is_sound(&reader));
    }
}
