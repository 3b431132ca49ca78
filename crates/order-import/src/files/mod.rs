//! Files into rows of cells: encodings, delimiters, quotes, spreadsheets and compression. Knows nothing of orders.

use std::sync::Arc;

/// How a file is laid out, as the mapping says.
#[derive(Debug, Clone, Default)]
pub struct FileLayout {
    /// The character encoding; `None`: a byte order mark decides, otherwise UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The byte between cells; `None`: detected from the first lines.
    pub delimiter: Option<u8>,
    /// How cells are quoted.
    pub quote: Quote,
    /// Which row is the heading.
    pub heading: Heading,
    /// Whether a row may have fewer cells than the heading (missing cells are blank), or more if the surplus is blank.
    pub is_ragged: bool,
    /// The sheet of a spreadsheet; `None`: the first one.
    pub sheet: Option<Arc<str>>,
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

/// Which row is the heading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Heading {
    /// The first row that is not blank.
    #[default]
    First,
    /// The first row that is not blank after this many physical lines.
    AfterLines(u32),
    /// The first row that contains all of these cells.
    Contains(Vec<String>),
}

/// One row under the heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The 1-based number of the row in its file, counted as a spreadsheet program counts them (a quoted cell that spans
    /// several lines is in one row); the heading and blank rows count too.
    pub number: u64,
    /// The cells as text, in the order of the heading.
    pub cells: Vec<String>,
    /// Indexes of cells with bytes that the encoding does not have; such cells hold replacement characters.
    pub undecodable: Vec<usize>,
    /// What is wrong with the row as a whole.
    pub broken: Option<BrokenRow>,
}

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// A stable word: `bad_quotes`, `wrong_column_count`, `too_long`.
    pub code: &'static str,
    /// A sentence for people.
    pub reason: String,
    /// How many of the leading cells are certainly what they seem to be.
    pub trusted_cells: usize,
}
