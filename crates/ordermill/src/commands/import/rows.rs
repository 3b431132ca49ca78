//! A row as it was read, before anything is known of orders, and the files that rows come from. CSV and NDJSON agree
//! on this shape; the assembler alone uses it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::csv_rows::CsvRows;
use super::json_rows::JsonRows;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As spreadsheets count: the heading of a CSV file is row 1; of NDJSON the first line is row 1.
    pub number: u64,
    /// One cell a column, as far as the row could be read.
    pub cells: Vec<String>,
    /// Columns whose bytes are no UTF-8.
    pub undecodable: Vec<usize>,
    /// Why the row as a whole cannot be read.
    pub broken: Option<Broken>,
}

/// A row that has no dependable cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// A stable word.
    pub code: &'static str,
    /// A sentence.
    pub reason: String,
    /// The first this many cells are certainly what they seem to be.
    pub trusted_cells: usize,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Standard,
    /// A file.
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

    /// How reports and messages call it.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Standard => Arc::from("standard input"),
            Self::File(path) => Arc::from(path.display().to_string()),
        }
    }

    /// Bytes, where they are known beforehand.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::File(path) => std::fs::metadata(path)
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|meta| meta.len()),
        }
    }

    /// Opens it; what is read is counted in `progress`.
    pub fn open(&self, progress: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
        let bytes: Box<dyn Read + Send> = match self {
            Self::Standard => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        Ok(Box::new(BufReader::with_capacity(
            64 * 1024,
            Counted { bytes, progress },
        )))
    }
}

struct Counted {
    bytes: Box<dyn Read + Send>,
    progress: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated values with a heading
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// The rows of one file.
pub enum Rows {
    /// With the heading read.
    Csv(CsvRows),
    /// Each line an object.
    Json(JsonRows),
}

impl Rows {
    /// Begins a file; `wanted` are the columns that the mapping names. `None` for a file without a byte in it.
    pub fn begin(
        mut bytes: Box<dyn BufRead + Send>,
        format: Option<Format>,
        delimiter: u8,
        wanted: &[String],
    ) -> io::Result<Option<Self>> {
        skip_byte_order_mark(&mut bytes)?;
        let first = bytes
            .fill_buf()?
            .iter()
            .copied()
            .find(|byte| !byte.is_ascii_whitespace());
        let looks_like_json = first == Some(b'{');
        let format = format.unwrap_or(if looks_like_json {
            Format::Ndjson
        } else {
            Format::Csv
        });
        Ok(match format {
            Format::Csv => CsvRows::begin(bytes, delimiter)?.map(Self::Csv),
            Format::Ndjson if first.is_none() => None,
            Format::Ndjson => Some(Self::Json(JsonRows::begin(bytes, wanted.to_vec()))),
        })
    }

    /// The columns, in the order of the cells.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Csv(rows) => rows.columns(),
            Self::Json(rows) => rows.columns(),
        }
    }

    /// The next row.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Json(rows) => rows.next(),
        }
    }
}

/// Passes over a byte order mark.
pub fn skip_byte_order_mark(bytes: &mut Box<dyn BufRead + Send>) -> io::Result<()> {
    let start = bytes.fill_buf()?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is UTF-16; save it as UTF-8",
        ));
    }
    if start.starts_with("\u{feff}".as_bytes()) {
        bytes.consume(3);
    }
    Ok(())
}

/// The longest row, however it is written.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;

/// Reads one physical line with its end, up to [`MAX_ROW_BYTES`]; the rest of a longer one is passed over and the
/// second value is true. `None` at the end of the input.
pub fn read_line(bytes: &mut dyn BufRead) -> io::Result<Option<(Vec<u8>, bool)>> {
    let mut line = Vec::new();
    let mut is_cut = false;
    loop {
        let chunk = match bytes.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok((!line.is_empty()).then_some((line, is_cut)));
        }
        let end = chunk
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + 1);
        let take = end.unwrap_or(chunk.len());
        let room = MAX_ROW_BYTES.saturating_sub(line.len());
        is_cut |= take > room;
        line.extend_from_slice(&chunk[..take.min(room)]);
        bytes.consume(take);
        if end.is_some() {
            return Ok(Some((line, is_cut)));
        }
    }
}
