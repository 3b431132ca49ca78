//! Why an order file cannot be read. Each message begins with the file and names the remedy.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnosis::Diagnosis;

/// Why a file cannot be opened or read on. Faults of a single row are in [`super::Row`] instead.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refuses it.
    #[error("cannot open {file}: {source}")]
    Open {
        /// The file.
        file: Arc<str>,
        /// Why.
        source: io::Error,
    },
    /// It fails while it is read.
    #[error("cannot read {file} after row {row}: {source}")]
    Read {
        /// The file.
        file: Arc<str>,
        /// The last row that was read.
        row: u64,
        /// Why.
        source: io::Error,
    },
    /// The temporary file fails, for instance because the disk is full.
    #[error(
        "cannot keep {file} in a temporary file in {}: {source}; set TMPDIR to a directory with enough free space",
        .directory.display()
    )]
    Spool {
        /// The file.
        file: Arc<str>,
        /// The directory of temporary files.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More bytes than may be kept in a temporary file.
    #[error(
        "{file} holds more than {limit} bytes unpacked; set max_spool_bytes higher, or split the file"
    )]
    SpoolTooLarge {
        /// The file.
        file: Arc<str>,
        /// `max_spool_bytes`.
        limit: u64,
    },
    /// It begins as gzip, and goes on as something else or ends early.
    #[error("{file} is a damaged gzip file ({source}); get it again")]
    BadGzip {
        /// The file.
        file: Arc<str>,
        /// What is wrong.
        source: io::Error,
    },
    /// A spreadsheet above the bound.
    #[error(
        "{file} is a spreadsheet of more than {limit} bytes{}; save the sheet as CSV, or set max_spreadsheet_bytes higher",
        if *.is_unpacked { " unpacked" } else { "" }
    )]
    SpreadsheetTooLarge {
        /// The file.
        file: Arc<str>,
        /// `max_spreadsheet_bytes`.
        limit: u64,
        /// Whether the unpacked size is above it.
        is_unpacked: bool,
    },
    /// A spreadsheet that cannot be read.
    #[error(
        "{file} is a spreadsheet that cannot be read: {reason}; open it in a spreadsheet program and save it as .xlsx or CSV"
    )]
    BadSpreadsheet {
        /// The file.
        file: Arc<str>,
        /// Why.
        reason: String,
    },
    /// The sheet is not there.
    #[error("{file} has no sheet {sheet:?}; it has {}; set sheet to one of them", quoted(.known))]
    NoSuchSheet {
        /// The file.
        file: Arc<str>,
        /// What was asked for.
        sheet: Arc<str>,
        /// The sheets it has.
        known: Vec<String>,
    },
    /// Something else altogether.
    #[error("{file} is {what}; {remedy}")]
    Foreign {
        /// The file.
        file: Arc<str>,
        /// What it is.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The layout asks for a format that the content is not.
    #[error("{file} is {found}, and not {wanted}; remove the setting format")]
    WrongFormat {
        /// The file.
        file: Arc<str>,
        /// What was asked for.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The heading cannot be read.
    #[error("{file}: the heading in row {row} {reason}{}", remedy(.diagnosis.as_deref()))]
    BadHeading {
        /// The file.
        file: Arc<str>,
        /// The row of the heading.
        row: u64,
        /// What is wrong with it.
        reason: String,
        /// Which setting makes it readable.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// No row contains the columns of `header_contains`.
    #[error("{file} has no row with the columns of header_contains ({}) among its first {rows} rows{}",
        quoted(.wanted), remedy(.diagnosis.as_deref()))]
    NoHeading {
        /// The file.
        file: Arc<str>,
        /// The columns.
        wanted: Vec<String>,
        /// How many rows were looked at.
        rows: u64,
        /// Which setting is wrong.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// It is no longer the file that was opened.
    #[error("{file} was changed after it was opened; import it again once it is complete")]
    Changed {
        /// The file.
        file: Arc<str>,
    },
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(10)
        .map(|name| format!("{name:?}"))
        .collect();
    let more = if names.len() > shown.len() {
        ", ..."
    } else {
        ""
    };
    shown.join(", ") + more
}

fn remedy(diagnosis: Option<&Diagnosis>) -> String {
    diagnosis.map_or_else(String::new, |diagnosis| format!(": {diagnosis}"))
}
