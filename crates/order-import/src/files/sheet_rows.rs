//! The rows of a sheet, kept in a temporary file between the workbook and the importer, so that a large sheet takes no
//! memory while its orders are sent, and can be read as often as needed. Blank cells are not kept.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use calamine::Data;

use super::cell_text::{CellKind, text_of_cell};
use super::error::FileError;
use super::lines::{MAX_ROW_BYTES, too_long};
use super::source::{Source, SourceReader, Spool};
use super::text_rows::{FoundHeading, MAX_HEADING_ROWS, columns_of, contains_all, wrong_width};
use super::{DateCell, Heading, MAX_COLUMNS, Row};

const PLAIN: u8 = 0;
const DATE: u8 = 1;
const UNCERTAIN: u8 = 2;

/// Writes the cells of a sheet, row by row.
pub struct RowWriter {
    spool: Spool,
    row: u32,
    cells: Vec<u8>,
    is_too_long: bool,
}

impl RowWriter {
    /// An empty sheet.
    pub const fn new(spool: Spool) -> Self {
        Self {
            spool,
            row: 0,
            cells: Vec::new(),
            is_too_long: false,
        }
    }

    /// Adds a cell; rows must come in order. Both are counted from 0.
    pub fn push(&mut self, row: u32, column: u32, value: &Data) -> Result<(), Refused> {
        if row < self.row {
            return Err(Refused::OutOfOrder);
        }
        if row > self.row {
            self.end_row()?;
            self.row = row;
        }
        let (kind, text) = text_of_cell(value);
        if text.is_empty() || self.is_too_long {
            return Ok(());
        }
        if self.cells.len() + text.len() > MAX_ROW_BYTES {
            self.is_too_long = true;
            return Ok(());
        }
        let kind = match kind {
            CellKind::Plain => PLAIN,
            CellKind::Date => DATE,
            CellKind::Uncertain => UNCERTAIN,
        };
        self.cells.extend_from_slice(&column.to_le_bytes());
        self.cells.push(kind);
        // Shorter than MAX_ROW_BYTES.
        self.cells
            .extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.cells.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Refused> {
        if !self.cells.is_empty() || self.is_too_long {
            let mut head = [0; 9];
            head[..4].copy_from_slice(&self.row.to_le_bytes());
            head[4] = u8::from(self.is_too_long);
            head[5..].copy_from_slice(&(self.cells.len() as u32).to_le_bytes());
            self.spool
                .write(&head)
                .and_then(|()| self.spool.write(&self.cells))
                .map_err(Refused::File)?;
        }
        self.cells.clear();
        self.is_too_long = false;
        Ok(())
    }

    /// The rows as a source for [`SheetRows`].
    pub fn finish(mut self) -> Result<Source, Refused> {
        self.end_row()?;
        self.spool.finish().map_err(Refused::File)
    }
}

/// Why a sheet cannot be kept.
#[derive(Debug)]
pub enum Refused {
    OutOfOrder,
    File(FileError),
}

struct SheetCell {
    column: usize,
    kind: u8,
    text: String,
}

struct SheetRecord {
    row: u64,
    cells: Vec<SheetCell>,
    is_too_long: bool,
}

impl SheetRecord {
    fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 9];
        match reader.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
        };
        let mut bytes = vec![0; number(&head[5..])];
        reader.read_exact(&mut bytes)?;
        let mut cells = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((head, after)) = rest.split_at_checked(9) {
            let (text, after) = after
                .split_at_checked(number(&head[5..]))
                .ok_or(io::ErrorKind::InvalidData)?;
            let text = String::from_utf8(text.to_vec()).map_err(|_| io::ErrorKind::InvalidData)?;
            cells.push(SheetCell {
                column: number(&head[..4]),
                kind: head[4],
                text,
            });
            rest = after;
        }
        Ok(Some(Self {
            row: number(&head[..4]) as u64 + 1,
            cells,
            is_too_long: head[4] == 1,
        }))
    }

    fn is_blank(&self) -> bool {
        !self.is_too_long && self.cells.iter().all(|cell| cell.text.trim().is_empty())
    }

    /// How many columns it spans.
    fn width(&self) -> usize {
        let filled = self
            .cells
            .iter()
            .filter(|cell| !cell.text.trim().is_empty());
        filled.map(|cell| cell.column + 1).max().unwrap_or(0)
    }

    /// The cells side by side, at most `width` of them.
    fn texts(&self, width: usize) -> Vec<String> {
        let mut texts = vec![String::new(); width];
        for cell in &self.cells {
            if let Some(text) = texts.get_mut(cell.column) {
                text.clone_from(&cell.text);
            }
        }
        texts
    }

    fn of_kind(&self, kind: u8, width: usize) -> impl Iterator<Item = &SheetCell> {
        self.cells
            .iter()
            .filter(move |cell| cell.kind == kind && cell.column < width)
    }

    fn fit(self, width: usize) -> Row {
        let broken = if self.is_too_long {
            Some(too_long(0))
        } else if self.width() > width {
            Some(wrong_width(self.width(), width, true))
        } else {
            None
        };
        let date = |cell: &SheetCell| {
            Some(DateCell {
                cell: cell.column,
                at: cell.text.parse().ok()?,
            })
        };
        Row {
            number: self.row,
            cells: self.texts(width),
            undecodable: self
                .of_kind(UNCERTAIN, width)
                .map(|cell| cell.column)
                .collect(),
            dates: self.of_kind(DATE, width).filter_map(date).collect(),
            broken,
        }
    }
}

/// The rows of a sheet, from the first.
pub struct SheetRows {
    file: Arc<str>,
    reader: BufReader<SourceReader>,
    columns: Vec<String>,
    row: u64,
}

impl SheetRows {
    /// Begins before the first row of `rows`, which a [`RowWriter`] wrote.
    pub fn new(file: Arc<str>, rows: &Source) -> Self {
        Self {
            file,
            reader: rows.reader().buffered(),
            columns: Vec::new(),
            row: 0,
        }
    }

    /// How many bytes of the temporary file have been read.
    pub fn bytes_read(&self) -> u64 {
        self.reader.get_ref().position()
    }

    /// The number of the last row.
    pub const fn row(&self) -> u64 {
        self.row
    }

    fn record(&mut self) -> Result<Option<SheetRecord>, FileError> {
        loop {
            let cannot = |source| FileError::Read {
                file: Arc::clone(&self.file),
                row: self.row,
                source,
            };
            let Some(record) = SheetRecord::read(&mut self.reader).map_err(cannot)? else {
                return Ok(None);
            };
            self.row = record.row;
            if !record.is_blank() {
                return Ok(Some(record));
            }
        }
    }

    /// The cells of the next row that is not blank, for the search of a heading.
    pub fn next_cells(&mut self) -> Result<Option<Vec<String>>, FileError> {
        Ok(self
            .record()?
            .map(|record| columns_of(record.texts(record.width().min(MAX_COLUMNS)))))
    }

    /// Finds the heading.
    pub fn find_heading(&mut self, heading: &Heading) -> Result<FoundHeading, FileError> {
        let mut has_rows = false;
        while let Some(cells) = self.next_cells()? {
            has_rows = true;
            let is_heading = match heading {
                Heading::First => true,
                Heading::AfterLines(count) => self.row > u64::from(*count),
                Heading::Contains(_) if self.row > MAX_HEADING_ROWS => break,
                Heading::Contains(wanted) => contains_all(&cells, wanted),
            };
            if is_heading {
                return Ok(FoundHeading::Columns(cells));
            }
        }
        let is_absent = has_rows && matches!(heading, Heading::Contains(_));
        Ok(if is_absent {
            FoundHeading::Absent
        } else {
            FoundHeading::Empty
        })
    }

    /// The rows that follow, under this heading.
    pub fn under(self, columns: Vec<String>) -> Self {
        Self { columns, ..self }
    }

    /// The heading.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row that is not blank. Cells at the end of a row that are blank do not count: a sheet has no width.
    pub fn next(&mut self) -> Result<Option<Row>, FileError> {
        let record = self.record()?;
        Ok(record.map(|record| record.fit(self.columns.len())))
    }
}
