//! The statements of every commit, prepared once for the life of the writer: looking one up costs as much as a bind.

use rusqlite::{Connection, Statement};

pub(crate) struct HotStatements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    /// Parameters: place, id, status, version, standing, history, facts.
    pub(crate) insert: Statement<'c>,
    /// Parameters: status, version, standing, the event to append, and the guard: place, id, version, status.
    pub(crate) change: Statement<'c>,
    /// Parameters: last seq, bits, entries, books.
    pub(crate) log: Statement<'c>,
}

impl<'c> HotStatements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert: connection.prepare(
                "INSERT INTO orders (place, id, status, version, standing, history, facts)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            // Two blobs joined are a text to SQLite, byte for byte; the cast makes them a blob again.
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
