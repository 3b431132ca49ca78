//! The prepared statements of every commit. They live as long as the writer, because looking one up in the statement cache
//! takes as long as binding a parameter.

use rusqlite::{Connection, Statement};

pub(crate) struct WriterStatements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    /// Parameters: rowid, id, status, version, standing, history, facts.
    pub(crate) insert: Statement<'c>,
    /// Parameters: status, version, standing, the event to append, and the guard: rowid, id, version, status.
    pub(crate) change: Statement<'c>,
    /// Parameters: last sequence number, random bits, entries, counters.
    pub(crate) log: Statement<'c>,
}

impl<'c> WriterStatements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert: connection.prepare(
                "INSERT INTO orders (place, id, status, version, standing, history, facts)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            // In SQLite the concatenation of two blobs is a text with the same bytes; the cast makes it a blob again.
            change: connection.prepare(
                "UPDATE orders SET status = ?1, version = ?2, standing = ?3,
                    history = CAST(history || ?4 AS BLOB)
                    WHERE place = ?5 AND id = ?6 AND version = ?7 AND status = ?8",
            )?,
            log: connection.prepare(
                "INSERT INTO log (last_seq, bits, entries, books) VALUES (?1, ?2, ?3, ?4)",
            )?,
        })
    }
}
