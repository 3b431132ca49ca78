//! A failed read: of the orders database or of the index. It becomes the error of the port here.

use application::ports::StoreError;

use crate::failure::{corrupt, unavailable};
use crate::index::damage::IndexFailure;

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
            ReadError::Index(failure) => failure.to_store_error(),
        }
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
