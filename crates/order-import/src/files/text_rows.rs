//! The rows of a delimited text file under its heading: finds the heading row, fits each row to its width, and passes
//! over blank rows.

use std::io;
use std::sync::Arc;

use super::delimited::{Dialect, Record, next_record};
use super::error::FileError;
use super::lines::{ChangeWatch, Lines};
use super::source::Source;
use super::{BrokenRow, Heading, Row};

/// How many rows are searched for the heading.
pub const MAX_HEADING_ROWS: u64 = 1000;

/// Records of a file, counted.
pub struct Records {
    lines: Lines,
    dialect: Dialect,
    row: u64,
}

impl Records {
    /// Begins before the first row.
    pub fn new(lines: Lines, dialect: Dialect) -> Self {
        Self {
            lines,
            dialect,
            row: 0,
        }
    }

    /// The next record, blank or not.
    pub fn next(&mut self) -> io::Result<Option<Record>> {
        let record = next_record(&mut self.lines, self.dialect)?;
        self.row += u64::from(record.is_some());
        Ok(record)
    }

    /// How many bytes of the file have been read.
    pub fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// The number of the last record.
    pub const fn row(&self) -> u64 {
        self.row
    }

    /// Passes over physical lines; each counts as a row.
    pub fn skip_lines(&mut self, count: u32) -> io::Result<()> {
        for _ in 0..count {
            if self.lines.peek(0)?.is_none() {
                break;
            }
            self.lines.consume(1);
            self.row += 1;
        }
        Ok(())
    }

    /// Finds the heading.
    pub fn find_heading(&mut self, heading: &Heading) -> io::Result<FoundHeading> {
        let (skipped, wanted): (u32, &[String]) = match heading {
            Heading::First => (0, &[]),
            Heading::AfterLines(count) => (*count, &[]),
            Heading::Contains(wanted) => (0, wanted),
        };
        // A separator line, which is passed over before, is one of the lines that the layout counts.
        self.skip_lines(skipped.saturating_sub(u32::try_from(self.row).unwrap_or(u32::MAX)))?;
        let mut has_rows = false;
        while let Some(record) = self.next()? {
            if record.is_blank() {
                continue;
            }
            has_rows = true;
            if !wanted.is_empty() {
                if self.row > MAX_HEADING_ROWS {
                    break;
                }
                if record.broken.is_some() || !contains_all(&record.cells, wanted) {
                    continue;
                }
            }
            return Ok(match record.broken {
                Some(broken) => FoundHeading::Broken(broken),
                None => FoundHeading::Columns(columns_of(record.cells)),
            });
        }
        Ok(if has_rows {
            FoundHeading::Absent
        } else {
            FoundHeading::Empty
        })
    }
}

/// What a search for the heading ends with.
#[derive(Debug)]
pub enum FoundHeading {
    /// The columns, trimmed.
    Columns(Vec<String>),
    /// The row of the heading cannot be read.
    Broken(BrokenRow),
    /// No row contains the wanted columns.
    Absent,
    /// There is no row but blank ones.
    Empty,
}

/// Whether each of `wanted` is one of `cells`; spaces around either do not count.
pub fn contains_all(cells: &[String], wanted: &[String]) -> bool {
    wanted
        .iter()
        .all(|name| cells.iter().any(|cell| cell.trim() == name.trim()))
}

/// Cells of a heading as names of columns.
pub fn columns_of(cells: Vec<String>) -> Vec<String> {
    cells
        .into_iter()
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// The rows under the heading.
pub struct TextRows {
    file: Arc<str>,
    records: Records,
    columns: Vec<String>,
    is_ragged: bool,
    watch: ChangeWatch,
}

impl TextRows {
    /// Goes on after the heading, which `records` has found.
    pub fn new(
        file: Arc<str>,
        records: Records,
        columns: Vec<String>,
        is_ragged: bool,
        source: Source,
    ) -> Self {
        Self {
            file,
            records,
            columns,
            is_ragged,
            watch: ChangeWatch::new(source),
        }
    }

    /// The heading.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many bytes of the file have been read.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// The next row that is not blank.
    pub fn next(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            let row = self.records.row();
            let cannot = |source| FileError::Read {
                file: Arc::clone(&self.file),
                row,
                source,
            };
            let Some(mut record) = self.records.next().map_err(cannot)? else {
                let broken = self.watch.at_end();
                return Ok(broken.map(|broken| Row {
                    number: row + 1,
                    broken: Some(broken),
                    ..Row::default()
                }));
            };
            if record.is_blank() {
                continue;
            }
            self.fit(&mut record);
            if !record.is_ended {
                record.broken = self.watch.at_end().or(record.broken);
            }
            return Ok(Some(Row {
                number: self.records.row(),
                cells: record.cells,
                undecodable: record.undecodable,
                dates: Vec::new(),
                broken: record.broken,
            }));
        }
    }

    /// Makes the record as wide as the heading if that loses nothing; otherwise it is broken.
    fn fit(&self, record: &mut Record) {
        let width = self.columns.len();
        if record.broken.is_some() || record.cells.len() == width {
            return;
        }
        let mut surplus = record.cells.iter().skip(width);
        if self.is_ragged && surplus.all(|cell| cell.trim().is_empty()) {
            record.cells.resize(width, String::new());
            return;
        }
        record.broken = Some(wrong_width(record.cells.len(), width, self.is_ragged));
    }
}

/// A row of another width than the heading.
pub fn wrong_width(cells: usize, width: usize, is_ragged: bool) -> BrokenRow {
    let hint = if is_ragged && cells > width {
        ", and the surplus is not blank"
    } else {
        ""
    };
    BrokenRow {
        code: "wrong_column_count",
        reason: format!("has {cells} columns; the heading has {width}{hint}"),
        // A delimiter too many or too few may be anywhere after the first cell.
        trusted_cells: 1,
    }
}
