//! A first look at a file whose layout is not known: which encoding and delimiter it has, which row is the heading, and
//! the first rows under it. Reads the first bytes only, except of a spreadsheet.

use super::SuggestError;
use super::names::meanings;
use crate::files::{FileLayout, Format, Heading, Input, Limits, OrderFile, Row, beginning};

/// How many rows may be the heading.
const HEADING_ROWS: usize = 50;
/// How many rows under the heading are looked at.
const SAMPLE_ROWS: usize = 5000;
/// Cells of the heading that a mapping names to find it.
const MARKS: usize = 3;

/// What the first look finds.
#[derive(Debug)]
pub struct Sample {
    /// The name of the file.
    pub file: String,
    /// The label of the encoding, if it is not what a file without a setting has.
    pub encoding: Option<&'static str>,
    /// The delimiter, if it is not detected without a setting.
    pub delimiter: Option<char>,
    /// Cells that only the heading has, if it is not the first row.
    pub header_contains: Vec<String>,
    /// Whether rows are shorter than the heading.
    pub is_ragged: bool,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The first rows, each as wide as the heading.
    pub rows: Vec<Vec<String>>,
}

/// The first rows of one way to read the file.
struct Attempt {
    layout: FileLayout,
    rows: Vec<Row>,
}

/// Looks at the beginning of a file.
///
/// # Errors
/// If the file cannot be read or has no rows.
pub fn sample(input: &Input) -> Result<Sample, SuggestError> {
    let name = input.name();
    let bytes = beginning(input).map_err(|source| SuggestError::Read {
        file: name.to_string(),
        source,
    })?;
    let file = Probed {
        name: name.to_string(),
        bytes,
    };
    file.sample()
}

struct Probed {
    name: String,
    bytes: Vec<u8>,
}

impl Probed {
    fn sample(&self) -> Result<Sample, SuggestError> {
        let plain = FileLayout::default();
        let file = self.open(&plain)?;
        let format = file.format();
        if format == Format::Ndjson {
            return self.of_json(&file);
        }
        let mut attempts = vec![self.attempt(plain.clone())?];
        if format == Format::Delimited {
            if attempts[0]
                .rows
                .iter()
                .any(|row| !row.undecodable.is_empty())
            {
                let layout = FileLayout {
                    encoding: Some(encoding_rs::WINDOWS_1252),
                    ..plain.clone()
                };
                attempts = vec![self.attempt(layout)?];
            }
            for delimiter in [b',', b';', b'\t', b'|'] {
                let layout = FileLayout {
                    delimiter: Some(delimiter),
                    ..attempts[0].layout.clone()
                };
                attempts.extend(self.attempt(layout));
            }
        }
        let found = attempts.iter().filter_map(|attempt| {
            let (row, score) = heading_of(&attempt.rows)?;
            Some((attempt, row, score))
        });
        // The first of equal ones: it needs the fewest settings.
        let best = found.reduce(|best, next| if next.2 > best.2 { next } else { best });
        let Some((attempt, row, _)) = best else {
            return Err(SuggestError::Empty {
                file: self.name.clone(),
            });
        };
        self.under(&attempt.layout, &attempt.rows, row)
    }

    fn open(&self, layout: &FileLayout) -> Result<OrderFile, SuggestError> {
        let bytes = self.bytes.clone();
        Ok(OrderFile::from_bytes(
            &self.name,
            bytes,
            layout,
            &Limits::default(),
        )?)
    }

    /// The first rows as they are with this layout, whatever their width.
    fn attempt(&self, layout: FileLayout) -> Result<Attempt, SuggestError> {
        let rows = self.open(&layout)?.first_rows(SAMPLE_ROWS)?;
        Ok(Attempt { layout, rows })
    }

    /// The sample under the heading in this one of the first rows.
    fn under(
        &self,
        layout: &FileLayout,
        first: &[Row],
        heading: usize,
    ) -> Result<Sample, SuggestError> {
        let is_first = first[..heading].iter().all(is_blank);
        let header_contains = if is_first {
            Vec::new()
        } else {
            marks_of(&first[heading].cells)
        };
        let mut layout = layout.clone();
        if !is_first {
            layout.heading = Heading::Contains(header_contains.clone());
        }
        let mut rows = self.rows_with(&layout)?;
        let is_broken = |row: &Row| row.broken.as_ref().map(|broken| broken.code);
        let is_ragged = rows
            .1
            .iter()
            .any(|row| is_broken(row) == Some("wrong_column_count"));
        if is_ragged {
            layout.is_ragged = true;
            rows = self.rows_with(&layout)?;
        }
        let (columns, rows) = rows;
        let is_detected = self.detects_delimiter(&layout, &columns)?;
        Ok(Sample {
            file: self.name.clone(),
            encoding: layout.encoding.map(|_| "windows-1252"),
            delimiter: layout.delimiter.filter(|_| !is_detected).map(char::from),
            header_contains,
            is_ragged,
            rows: rows
                .into_iter()
                .filter(|row| row.broken.is_none() && row.cells.len() == columns.len())
                .map(|row| row.cells)
                .collect(),
            columns,
        })
    }

    fn rows_with(&self, layout: &FileLayout) -> Result<(Vec<String>, Vec<Row>), SuggestError> {
        let mut found = Vec::new();
        let Some(mut rows) = self.open(layout)?.rows::<&str>(&[])? else {
            return Err(SuggestError::Empty {
                file: self.name.clone(),
            });
        };
        while found.len() < SAMPLE_ROWS
            && let Some(row) = rows.next()?
        {
            found.push(row);
        }
        Ok((rows.columns().to_vec(), found))
    }

    /// Whether an import that knows the columns finds the delimiter without a setting.
    fn detects_delimiter(
        &self,
        layout: &FileLayout,
        columns: &[String],
    ) -> Result<bool, SuggestError> {
        let unset = FileLayout {
            delimiter: None,
            ..layout.clone()
        };
        let rows = self.open(&unset)?.rows(columns);
        Ok(rows.is_ok_and(|rows| rows.is_some_and(|rows| rows.columns() == columns)))
    }

    fn of_json(&self, file: &OrderFile) -> Result<Sample, SuggestError> {
        let columns = file.columns()?;
        let mut rows = Vec::new();
        if let Some(mut reader) = file.rows(&columns)? {
            while rows.len() < SAMPLE_ROWS
                && let Some(row) = reader.next()?
            {
                if row.broken.is_none() {
                    rows.push(row.cells);
                }
            }
        }
        if columns.is_empty() {
            return Err(SuggestError::Empty {
                file: self.name.clone(),
            });
        }
        Ok(Sample {
            file: self.name.clone(),
            encoding: None,
            delimiter: None,
            header_contains: Vec::new(),
            is_ragged: false,
            columns,
            rows,
        })
    }
}

/// The likeliest heading among the first rows, and how likely it is: by known names, then by cells that are words.
fn heading_of(rows: &[Row]) -> Option<(usize, (usize, usize))> {
    let rows = rows.iter().take(HEADING_ROWS).enumerate();
    let scored = rows.filter(|(_, row)| !is_blank(row)).map(|(index, row)| {
        let known = row.cells.iter().filter(|cell| !meanings(cell).is_empty());
        let words = row.cells.iter().filter(|cell| is_word(cell));
        (index, (known.count(), words.count()))
    });
    scored.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn is_blank(row: &Row) -> bool {
    row.broken.is_none() && row.cells.iter().all(|cell| cell.trim().is_empty())
}

fn is_word(cell: &str) -> bool {
    cell.chars().any(char::is_alphabetic)
        && !cell.chars().next().is_some_and(|c| c.is_ascii_digit())
}

/// The cells that tell the heading from other rows: known names, in the order of the file.
fn marks_of(heading: &[String]) -> Vec<String> {
    let (known, other): (Vec<&String>, Vec<&String>) = heading
        .iter()
        .filter(|cell| is_word(cell))
        .partition(|cell| !meanings(cell).is_empty());
    let marks = known.into_iter().chain(other).take(MARKS);
    marks.map(|cell| cell.trim().to_owned()).collect()
}
