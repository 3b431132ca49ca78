//! A transaction that was not committed: the answer to its callers, and whether the store can continue.

use application::ports::StoreError;

use crate::failure::{Meaning, describe, meaning, not_written, unknown};

pub(super) struct FailedTransaction {
    pub(super) answer: StoreError,
    pub(super) meaning: Meaning,
}

impl FailedTransaction {
    /// A failure before COMMIT: nothing can have become durable.
    pub(super) fn before_commit(error: rusqlite::Error) -> Self {
        Self {
            meaning: meaning(&error),
            answer: not_written(&error),
        }
    }

    /// A failure of COMMIT itself. A full disk truncates the write-ahead log before the commit record, so nothing was
    /// written. After any other failure it is unknown how much of the log a restart would find.
    pub(super) fn at_commit(error: &rusqlite::Error) -> Self {
        let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        let answer = if is_full {
            not_written(error)
        } else {
            unknown(describe(error))
        };
        Self {
            meaning: meaning(error),
            answer,
        }
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.meaning == Meaning::Fatal
    }
}
