//! What an error of SQLite means for the store and for its callers.

use application::ports::StoreError;
use rusqlite::ffi;

use crate::SHARD;
use crate::index::damage::IndexFailure;

/// What a failed statement or commit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This one decision breaks a constraint; the transaction goes on without it.
    Refused,
    /// Nothing of the transaction is kept; the next one may succeed.
    RolledBack,
    /// The disk said that it could not make the data durable, or takes nothing any more. After that nobody knows what it
    /// holds: what the kernel had cached may be lost though a later sync succeeds. The store must not be trusted before
    /// it is opened anew.
    Untrusted,
}

pub(crate) fn meaning(error: &rusqlite::Error) -> Meaning {
    let Some(error) = error.sqlite_error() else {
        return Meaning::Refused;
    };
    match error.extended_code {
        // A disk that is full says so with another code: this one takes nothing any more.
        ffi::SQLITE_IOERR_WRITE
        | ffi::SQLITE_IOERR_TRUNCATE
        | ffi::SQLITE_IOERR_FSYNC
        | ffi::SQLITE_IOERR_DIR_FSYNC => return Meaning::Untrusted,
        _ => {}
    }
    match error.code {
        rusqlite::ErrorCode::ConstraintViolation
        | rusqlite::ErrorCode::TooBig
        | rusqlite::ErrorCode::TypeMismatch => Meaning::Refused,
        rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase => {
            Meaning::Untrusted
        }
        _ => Meaning::RolledBack,
    }
}

/// What the operator is told of a failure: SQLite's own words for an error of the disk do not say which call it was.
pub(crate) fn in_words(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(found) if found.code == rusqlite::ErrorCode::SystemIoFailure => {
            format!("{error}, SQLite's code {}", found.extended_code)
        }
        _ => error.to_string(),
    }
}

/// Whether it is one row that says nothing, not the database that failed.
pub(crate) fn is_unreadable(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_none()
}

pub(crate) fn unavailable(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        shard: SHARD,
        reason: reason.to_string(),
    }
}

/// Nothing of a transaction was written, because of this error.
pub(crate) fn not_written(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => full(in_words(error)),
        _ => unavailable(in_words(error)),
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

/// A failed read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Orders(rusqlite::Error),
    Index(IndexFailure),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Orders(error)
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Orders(error) => orders_failed(&error),
            ReadError::Index(failure) => index_failed(&failure),
        }
    }
}

/// The answer while the index cannot be read though the orders can. Retryable: a damaged index is rebuilt.
pub(crate) fn index_failed(failure: &IndexFailure) -> StoreError {
    let error = &failure.source;
    if failure.needs_rebuild() {
        unavailable(format_args!(
            "the index of orders is damaged and is being rebuilt from the log; try again later ({error})"
        ))
    } else {
        unavailable(format_args!(
            "the index of orders cannot be read at present ({error})"
        ))
    }
}

fn orders_failed(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            rusqlite::ErrorCode::DatabaseCorrupt
            | rusqlite::ErrorCode::NotADatabase
            | rusqlite::ErrorCode::TypeMismatch,
        )
        | None => corrupt(error),
        Some(_) => unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{Meaning, meaning};

    #[test]
    fn a_failed_sync_or_write_ends_the_trust_and_a_full_disk_does_not() {
        let of = |code| meaning(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(of(ffi::SQLITE_IOERR_FSYNC), Meaning::Untrusted);
        assert_eq!(of(ffi::SQLITE_IOERR_DIR_FSYNC), Meaning::Untrusted);
        assert_eq!(of(ffi::SQLITE_CORRUPT), Meaning::Untrusted);
        assert_eq!(of(ffi::SQLITE_FULL), Meaning::RolledBack);
        assert_eq!(of(ffi::SQLITE_IOERR_WRITE), Meaning::Untrusted);
        assert_eq!(of(ffi::SQLITE_IOERR_READ), Meaning::RolledBack);
        assert_eq!(of(ffi::SQLITE_CONSTRAINT_PRIMARYKEY), Meaning::Refused);
    }
}
