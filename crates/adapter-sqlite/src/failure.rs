//! The meaning of SQLite errors: for the transaction, for the store as a whole (fail-stop), and for the caller
//! ([`StoreError`]).

use application::ports::StoreError;
use rusqlite::ffi;

use crate::shard::SHARD;

/// The consequence of a failed statement or commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The statement violates a constraint. Its decision is refused; the transaction continues.
    Refused,
    /// The transaction is rolled back; the next one may succeed.
    RolledBack,
    /// The disk failed to sync or to write. What it holds is unknown from then on: data in the kernel's cache may be lost
    /// although a later sync succeeds. The store stops and must be opened again.
    Fatal,
}

pub(crate) fn meaning(error: &rusqlite::Error) -> Meaning {
    let Some(error) = error.sqlite_error() else {
        return Meaning::Refused;
    };
    match error.extended_code {
        // A full disk has another code (SQLITE_FULL), which is not fatal.
        ffi::SQLITE_IOERR_WRITE
        | ffi::SQLITE_IOERR_TRUNCATE
        | ffi::SQLITE_IOERR_FSYNC
        | ffi::SQLITE_IOERR_DIR_FSYNC => return Meaning::Fatal,
        _ => {}
    }
    match error.code {
        rusqlite::ErrorCode::ConstraintViolation
        | rusqlite::ErrorCode::TooBig
        | rusqlite::ErrorCode::TypeMismatch => Meaning::Refused,
        rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase => Meaning::Fatal,
        _ => Meaning::RolledBack,
    }
}

/// The error text for the operator. SQLite's message for an I/O error lacks the call that failed, so its code is added.
pub(crate) fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(found) if found.code == rusqlite::ErrorCode::SystemIoFailure => {
            format!("{error}, SQLite's code {}", found.extended_code)
        }
        _ => error.to_string(),
    }
}

/// Whether the contents of one row cannot be decoded, as opposed to a failure of the database.
pub(crate) fn is_unreadable(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_none()
}

pub(crate) fn unavailable(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        shard: SHARD,
        reason: reason.to_string(),
    }
}

/// The answer to the callers of a transaction of which nothing was written, because of this error.
pub(crate) fn not_written(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => full(describe(error)),
        _ => unavailable(describe(error)),
    }
}

pub(crate) fn full(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Full {
        shard: SHARD,
        reason: reason.to_string(),
    }
}

pub(crate) fn unknown(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Unknown {
        shard: SHARD,
        reason: reason.to_string(),
    }
}

pub(crate) fn corrupt(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        shard: SHARD,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{Meaning, meaning};

    #[test]
    fn a_failed_sync_or_write_is_fatal_and_a_full_disk_is_not() {
        let of = |code| meaning(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(of(ffi::SQLITE_IOERR_FSYNC), Meaning::Fatal);
        assert_eq!(of(ffi::SQLITE_IOERR_DIR_FSYNC), Meaning::Fatal);
        assert_eq!(of(ffi::SQLITE_CORRUPT), Meaning::Fatal);
        assert_eq!(of(ffi::SQLITE_FULL), Meaning::RolledBack);
        assert_eq!(of(ffi::SQLITE_IOERR_WRITE), Meaning::Fatal);
        assert_eq!(of(ffi::SQLITE_IOERR_READ), Meaning::RolledBack);
        assert_eq!(of(ffi::SQLITE_CONSTRAINT_PRIMARYKEY), Meaning::Refused);
    }
}
