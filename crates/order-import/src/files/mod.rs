//! Order files into rows of cells: encodings, delimiters, quotes, spreadsheets and compression.
//!
//! The importer opens an [`OrderFile`] and asks it for its rows, as often as it needs them; if the columns of a mapping
//! are not in the heading, [`OrderFile::diagnose`] says which setting is wrong. Knows nothing of orders, and never
//! guesses a cell: what cannot be read with certainty is a [`BrokenRow`] or an undecodable cell.
//!
//! | file | owns |
//! | --- | --- |
//! | `order_file` | opening a file, and its rows from the start |
//! | `input`, `beginning`, `source`, `kind` | where bytes come from, spooled if they come once only, and what they are |
//! | `encoding`, `lines` | bytes into UTF-8, and UTF-8 into physical lines |
//! | `delimited` and `text_rows`, `json_rows`, `sheet_rows` | rows of CSV, NDJSON and spreadsheets |
//! | `heading`, `heading_trials`, `diagnose`, `diagnosis` | where the heading is, and why columns are missing |
//! | `spreadsheet`, `archive`, `cell_text` | a workbook into rows, its size before that, a cell as text |

use std::sync::Arc;

mod archive;
mod beginning;
mod cell_text;
mod delimited;
mod diagnose;
mod diagnosis;
mod encoding;
mod error;
mod heading;
mod heading_trials;
mod input;
mod json_rows;
mod kind;
mod lines;
mod order_file;
mod sheet_rows;
mod source;
mod spreadsheet;
mod text_rows;

pub(crate) use beginning::beginning;
pub use cell_text::date_of_serial;
pub use diagnosis::{Diagnosis, NearestColumn};
pub use encoding::{UnknownEncoding, encoding_for};
pub use error::FileError;
pub use input::{Input, Limits};
pub use lines::{MAX_LINES_A_ROW, MAX_ROW_BYTES, TextLine, TextLines};
pub use order_file::{OrderFile, RowReader};

/// The most columns of a heading or cells of a row: what spreadsheet programs allow.
pub const MAX_COLUMNS: usize = 16_384;

/// How a file is laid out, as the mapping says.
#[derive(Debug, Clone, Default)]
pub struct FileLayout {
    /// What the file is; `None`: its content decides.
    pub format: Option<Format>,
    /// The character encoding; `None`: UTF-8. A byte order mark is stronger than either.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The byte between cells, an ASCII character; `None`: detected from the first lines.
    pub delimiter: Option<u8>,
    /// How cells are quoted.
    pub quote: Quote,
    /// Which row is the heading.
    pub heading: Heading,
    /// Whether a row may have fewer cells than the heading (missing cells are blank), or more if the surplus is blank.
    pub is_ragged: bool,
    /// The sheet of a spreadsheet; `None`: the first one that is visible.
    pub sheet: Option<Arc<str>>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows of cells between delimiters, under a heading.
    Delimited,
    /// One JSON object a line.
    Ndjson,
    /// A sheet of XLSX, XLSB, XLS or ODS.
    Spreadsheet,
}

impl Format {
    /// For messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delimited => "CSV",
            Self::Ndjson => "NDJSON",
            Self::Spreadsheet => "a spreadsheet",
        }
    }
}

/// How cells are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quote {
    /// By `"`, as RFC 4180 says.
    #[default]
    Double,
    /// By another ASCII character, which is doubled inside a quoted cell.
    Other(u8),
    /// Not at all: a quote is a character like any other.
    Disabled,
}

impl Quote {
    /// The byte that opens and closes a quoted cell.
    pub const fn byte(self) -> Option<u8> {
        match self {
            Self::Double => Some(b'"'),
            Self::Other(byte) => Some(byte),
            Self::Disabled => None,
        }
    }
}

/// Which row is the heading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Heading {
    /// The first row that is not blank.
    #[default]
    First,
    /// The first row that is not blank after this many physical lines (rows of a spreadsheet).
    AfterLines(u32),
    /// The first row that contains all of these cells, within the first 1,000 rows.
    Contains(Vec<String>),
}

impl Heading {
    /// The cells that the heading must contain.
    pub fn wanted(&self) -> &[String] {
        match self {
            Self::Contains(wanted) => wanted,
            Self::First | Self::AfterLines(_) => &[],
        }
    }
}

/// One row under the heading. A row whose cells are all blank is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The 1-based number of the row in its file, counted as a spreadsheet program counts them (a quoted cell that spans
    /// several lines is in one row); the heading and blank rows count too. Of NDJSON, the number of the line.
    pub number: u64,
    /// The cells as text, in the order of the heading, as the file has them: spaces are kept.
    pub cells: Vec<String>,
    /// Indexes of cells whose text is not certain: bytes that the encoding does not have, a NUL, an error such as `#N/A`
    /// in a spreadsheet, or a number that a spreadsheet cannot hold exactly. Such cells hold replacement characters or
    /// the nearest text, for people only.
    pub undecodable: Vec<usize>,
    /// Dates of a spreadsheet, by cell.
    pub dates: Vec<DateCell>,
    /// What is wrong with the row as a whole.
    pub broken: Option<BrokenRow>,
}

impl Row {
    /// The date of a cell that a spreadsheet holds as a date; its text is the same date in ISO 8601.
    pub fn date(&self, cell: usize) -> Option<jiff::civil::DateTime> {
        let dated = self.dates.iter().find(|dated| dated.cell == cell);
        dated.map(|dated| dated.at)
    }
}

/// A cell that a spreadsheet holds as a date. Spreadsheets know no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateCell {
    /// The index of the cell.
    pub cell: usize,
    /// Its date and time, to the millisecond.
    pub at: jiff::civil::DateTime,
}

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// A stable word: `bad_quotes`, `wrong_column_count`, `too_long`, `bad_json`, `wrong_type`, `undecodable`,
    /// `file_changed`.
    pub code: &'static str,
    /// A predicate for people that follows the row's number: "has 3 columns; the heading has 5".
    pub reason: String,
    /// How many of the leading cells are certainly what they seem to be.
    pub trusted_cells: usize,
}
