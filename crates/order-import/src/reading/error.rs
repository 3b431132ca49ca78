//! Why an import cannot be read: the file and the remedy.

use std::sync::Arc;

use crate::files::{Diagnosis, FileError};
use crate::orders::Stop;

/// Why an import cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The mapping names columns that the heading does not have.
    #[error("{file} {diagnosis}")]
    Columns {
        /// The file.
        file: Arc<str>,
        /// Which setting is wrong, or the nearest columns.
        diagnosis: Box<Diagnosis>,
    },
    /// A heading has a column twice.
    #[error(
        "{file} has the column {column:?} twice, so that it is not known which one is meant; rename one of them"
    )]
    ColumnTwice {
        /// The file.
        file: Arc<str>,
        /// The column.
        column: String,
    },
    /// A file that is no NDJSON came without a mapping.
    #[error(
        "{file} is not NDJSON, whose every line is one order in braces: a file with columns needs --mapping FILE or --preset NAME"
    )]
    NeedsMapping {
        /// The file.
        file: Arc<str>,
    },
    /// A file with columns came without a mapping, and is not our own export.
    #[error(
        "{file} has columns, and needs --mapping FILE or --preset NAME, which say what they are; {}",
        match .preset {
            Some(preset) => format!("it has all columns of --preset {preset}"),
            None => format!("--suggest {file} writes a first mapping"),
        }
    )]
    UnknownColumns {
        /// The file.
        file: Arc<str>,
        /// The preset whose columns it has.
        preset: Option<&'static str>,
    },
    /// The rest could not be known whole.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The caller wants no more.
    #[error("the import was stopped")]
    Stopped,
}
