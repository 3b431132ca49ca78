//! Where an order file comes from, and how much of it may be kept on disk or unpacked. The command line makes inputs;
//! `source` opens them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Standard,
    /// A file, or a named pipe.
    File(PathBuf),
}

impl Input {
    /// `-` is standard input.
    pub fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            Self::Standard
        } else {
            Self::File(path.to_owned())
        }
    }

    /// The name in reports and messages.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Standard => Arc::from("standard input"),
            Self::File(path) => Arc::from(path.display().to_string()),
        }
    }

    /// Whether it can be opened again: a plain file, and neither standard input nor a pipe.
    pub fn is_plain_file(&self) -> bool {
        match self {
            Self::Standard => false,
            Self::File(path) => path.is_file(),
        }
    }
}

/// Bounds of opening a file, each with the name of its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `max_spreadsheet_bytes`: the largest spreadsheet, packed and unpacked.
    pub max_spreadsheet_bytes: u64,
    /// `max_spool_bytes`: the most bytes of a pipe, a gzip file or a sheet that are kept in a temporary file.
    pub max_spool_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_spreadsheet_bytes: 256 * 1024 * 1024,
            max_spool_bytes: 64 * 1024 * 1024 * 1024,
        }
    }
}
