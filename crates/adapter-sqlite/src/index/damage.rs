//! Failures of the index file: the error for contents that fail their verification, which failures require a rebuild, and
//! the answer to a caller whose lookup failed. Everything that reads or writes the file uses this module.

use std::path::PathBuf;

use application::ports::StoreError;
use rusqlite::{ErrorCode, ffi};

use crate::failure::unavailable;

/// The error for contents that differ from what was written. It has the code of damage that SQLite itself detects.
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

    /// The answer while the index cannot be read although the orders can. It is retryable: a damaged index is rebuilt.
    pub(crate) fn to_store_error(&self) -> StoreError {
        let error = &self.source;
        if self.needs_rebuild() {
            unavailable(format_args!(
                "the index of orders is damaged and is being rebuilt from the log; try again later ({error})"
            ))
        } else {
            unavailable(format_args!(
                "the index of orders cannot be read at present ({error})"
            ))
        }
    }
}

/// Whether the file is unusable. False for temporary failures, and for a full disk, on which a rebuild fails too. All other
/// failures count as damage: a file that was removed, truncated or replaced fails with many different codes.
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
    fn temporary_failures_need_no_rebuild_and_all_others_do() {
        let of = |code| needs_rebuild(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for temporary in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_FULL,
        ] {
            assert!(!of(temporary), "{temporary}");
        }
        for permanent in [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            // The file is missing, its tables are missing, or the disk cannot read it.
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_SHORT_READ,
        ] {
            assert!(of(permanent), "{permanent}");
        }
        assert!(needs_rebuild(&damaged("a block is missing")));
        // A row is missing.
        assert!(needs_rebuild(&rusqlite::Error::QueryReturnedNoRows));
    }
}
