//! The statements of every commit, prepared once for the life of the writer: looking one up costs as much as a bind.

use rusqlite::{Connection, Statement};

pub(crate) struct HotStatements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    /// Parameters: id, status, version, standing, history, facts.
    pub(crate) insert: Statement<'c>,
    /// Parameters: status, version, standing, the event to append, and the guard: id, version, status.
    pub(crate) change: Statement<'c>,
    /// Parameters: id, text.
    pub(crate) receipt: Statement<'c>,
    /// Parameters: last seq, entries.
    pub(crate) log: Statement<'c>,
}

impl<'c> HotStatements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert: connection.prepare(
                "INSERT INTO orders (id, status, version, standing, history, facts)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            // Two blobs joined are a text to SQLite, byte for byte; the cast makes them a blob again.
            change: connection.prepare(
                "UPDATE orders SET status = ?1, version = ?2, standing = ?3,
                    history = CAST(history || ?4 AS BLOB)
                    WHERE id = ?5 AND version = ?6 AND status = ?7",
            )?,
            receipt: connection
                .prepare("INSERT OR REPLACE INTO receipts (id, text) VALUES (?1, ?2)")?,
            log: connection.prepare("INSERT INTO log (last_seq, entries) VALUES (?1, ?2)")?,
        })
    }
}
