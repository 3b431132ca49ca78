//! Failures of the index file: the error for contents that do not verify, and the decision which failures call for a
//! rebuild. Used by everything that reads or writes the file.

use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

/// The error for contents that are not what was written. It has the code with which SQLite reports damage that it finds
/// itself.
pub(crate) fn damaged(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_CORRUPT),
        Some(format!("the index is damaged: {what}")),
    )
}

/// A failure to read or write one index file.
#[derive(Debug, thiserror::Error)]
#[error("{source} ({file})", file = .file.display())]
pub(crate) struct IndexFailure {
    pub(crate) generation: u64,
    pub(crate) file: PathBuf,
    pub(crate) source: rusqlite::Error,
}

impl IndexFailure {
    pub(crate) fn needs_rebuild(&self) -> bool {
        needs_rebuild(&self.source)
    }
}

/// Whether the file cannot be used any more. False for failures that pass, and for a full disk, on which a rebuild fails
/// too. Everything else counts as damage: a file that was removed, truncated or replaced fails with codes of many kinds.
pub(crate) fn needs_rebuild(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::DiskFull
        )
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{damaged, needs_rebuild};

    #[test]
    fn failures_that_pass_need_no_rebuild_and_all_others_do() {
        let of = |code| needs_rebuild(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for passing in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_FULL,
        ] {
            assert!(!of(passing), "{passing}");
        }
        for lasting in [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            // The file is missing, its tables are missing, the disk cannot read it.
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_SHORT_READ,
        ] {
            assert!(of(lasting), "{lasting}");
        }
        assert!(needs_rebuild(&damaged("a block is missing")));
        // A row that lacks what was asked for.
        assert!(needs_rebuild(&rusqlite::Error::QueryReturnedNoRows));
    }
}
