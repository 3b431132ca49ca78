//! How a text file is read, as its layout and its first bytes say: encoding, line ends and delimiter. `order_file` reads
//! by it, and `diagnose` tries other plans.

use std::io::{self, BufReader, Cursor};

use encoding_rs::Encoding;

use super::delimited::{Dialect, Record};
use super::encoding::{decode_all, decoded, encoding_of};
use super::kind::HEAD_BYTES;
use super::lines::Lines;
use super::source::{Source, SourceReader};
use super::text_rows::{FoundHeading, Records};
use super::{FileLayout, MAX_COLUMNS};

/// Delimiters that are detected, the likelier ones first.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many rows under the heading are compared with it.
const SAMPLE_ROWS: usize = 30;

/// How a text file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Of its bytes.
    pub encoding: &'static Encoding,
    /// The length of its byte order mark.
    pub bom_bytes: usize,
    /// LF, or CR if there is no LF.
    pub line_end: u8,
    /// Of its cells.
    pub dialect: Dialect,
    /// Whether the first line is `sep=;`, as spreadsheet programs write and read it.
    pub has_separator_line: bool,
}

impl Plan {
    /// The plan for a file that begins with `head`, whose heading should have the columns `names`.
    pub fn new(head: &[u8], layout: &FileLayout, names: &[&str]) -> Self {
        let (encoding, bom_bytes) = encoding_of(head, layout.encoding);
        let text = decode_all(&head[bom_bytes..], encoding);
        let separator = separator_line(&text);
        let mut plan = Self {
            encoding,
            bom_bytes,
            line_end: line_end_of(&text),
            dialect: Dialect {
                delimiter: b',',
                quote: layout.quote.byte(),
            },
            has_separator_line: separator.is_some(),
        };
        plan.dialect.delimiter = layout.delimiter.or(separator).unwrap_or_else(|| {
            let sample = Sample {
                text: &text,
                is_whole: is_whole(head),
                plan,
            };
            sample.likely_delimiter(layout, names)
        });
        plan
    }

    /// The lines of the whole file.
    pub fn lines(&self, source: &Source) -> Lines {
        let mut reader: BufReader<SourceReader> = source.reader().buffered();
        // A source that lost its first bytes meanwhile is at its end either way.
        let _ = reader.seek_relative(i64::try_from(self.bom_bytes).unwrap_or(0));
        let progress = reader.get_ref().progress();
        Lines::new(decoded(reader, self.encoding), self.line_end).with_progress(progress)
    }

    /// The records of the whole file, after a separator line.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn records(&self, source: &Source) -> io::Result<Records> {
        self.records_of(self.lines(source))
    }

    /// The records of `text`, the decoded head of a file.
    ///
    /// # Errors
    /// None in practice: memory can be read.
    pub fn records_of_head(&self, text: &[u8]) -> io::Result<Records> {
        self.records_of(Lines::new(
            Box::new(Cursor::new(text.to_vec())),
            self.line_end,
        ))
    }

    fn records_of(&self, lines: Lines) -> io::Result<Records> {
        let mut records = Records::new(lines, self.dialect);
        records.skip_lines(u32::from(self.has_separator_line))?;
        Ok(records)
    }
}

/// Whether `head` is the whole file.
pub fn is_whole(head: &[u8]) -> bool {
    (head.len() as u64) < HEAD_BYTES
}

/// CR if lines end with nothing else, as files of old Macs do.
pub fn line_end_of(text: &[u8]) -> u8 {
    if !text.contains(&b'\n') && text.contains(&b'\r') {
        b'\r'
    } else {
        b'\n'
    }
}

/// The delimiter of a first line `sep=;`.
fn separator_line(text: &[u8]) -> Option<u8> {
    let rest = text
        .get(..4)
        .filter(|start| start.eq_ignore_ascii_case(b"sep="))
        .and(text.get(4..))?;
    match rest {
        [delimiter] | [delimiter, b'\r' | b'\n', ..] if delimiter.is_ascii() => Some(*delimiter),
        _ => None,
    }
}

struct Sample<'a> {
    text: &'a [u8],
    is_whole: bool,
    plan: Plan,
}

impl Sample<'_> {
    /// The delimiter with which the heading has the most of `names`, and with which the most rows are as wide as it.
    fn likely_delimiter(&self, layout: &FileLayout, names: &[&str]) -> u8 {
        let scored = DELIMITERS.map(|delimiter| (self.score(delimiter, layout, names), delimiter));
        let best = scored
            .into_iter()
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(b',', |(_, delimiter)| delimiter)
    }

    fn score(&self, delimiter: u8, layout: &FileLayout, names: &[&str]) -> (usize, usize, usize) {
        let mut plan = self.plan;
        plan.dialect.delimiter = delimiter;
        let Ok(mut records) = plan.records_of_head(self.text) else {
            return (0, 0, 0);
        };
        let columns = match records.find_heading(&layout.heading) {
            Ok(FoundHeading::Columns(columns)) => columns,
            // Rows that are blank, or wider than any other delimiter makes them, are rows of this delimiter.
            Ok(FoundHeading::Empty) => return (0, 1000, 0),
            Ok(FoundHeading::Broken(broken)) if broken.code == "wrong_column_count" => {
                return (0, 1000, MAX_COLUMNS + 1);
            }
            _ => return (0, 0, 0),
        };
        let found = names
            .iter()
            .filter(|name| columns.iter().any(|column| column == name.trim()))
            .count();
        if columns.len() < 2 {
            return (found, 0, columns.len());
        }
        let rows = next_rows(&mut records, self.is_whole);
        let fitting = rows
            .iter()
            .filter(|row| row.broken.is_none() && row.cells.len() == columns.len())
            .count();
        (
            found,
            (fitting + 1) * 1000 / (rows.len() + 1),
            columns.len(),
        )
    }
}

/// The next rows of a head; the last one is left out if the head ends within it.
fn next_rows(records: &mut Records, is_whole: bool) -> Vec<Record> {
    let mut rows = Vec::new();
    while rows.len() < SAMPLE_ROWS {
        match records.next() {
            Ok(Some(row)) if !row.is_ended && !is_whole => break,
            Ok(Some(row)) if row.is_blank() => {}
            Ok(Some(row)) => rows.push(row),
            Ok(None) | Err(_) => break,
        }
    }
    rows
}
