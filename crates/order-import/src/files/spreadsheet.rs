//! A workbook into the rows of one of its sheets. The only user of calamine.
//!
//! XLSX and XLSB are read cell by cell, so that a sheet takes no more memory than its distinct texts; XLS and ODS are held
//! as a table while they are read. The size is checked before.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use calamine::{Data, Ods, Range, Reader, SheetType, SheetVisible, Xls, Xlsb, Xlsx};

use super::archive::{self, Workbook};
use super::error::FileError;
use super::input::Limits;
use super::kind::Kind;
use super::sheet_rows::{Refused, RowWriter};
use super::source::{Source, SourceReader, Spool};

type Bytes = BufReader<SourceReader>;

/// The sheet that is read.
#[derive(Debug)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// The names of the other sheets.
    pub others: Vec<String>,
    /// Its rows.
    pub rows: Source,
}

/// Reads the sheet `wanted`, or the first one that is visible.
pub fn read(
    kind: Kind,
    source: &Source,
    wanted: Option<&Arc<str>>,
    file: &Arc<str>,
    limits: &Limits,
) -> Result<Sheet, FileError> {
    let limit = limits.max_spreadsheet_bytes;
    if source.len() > limit {
        return Err(FileError::SpreadsheetTooLarge {
            file: Arc::clone(file),
            limit,
            is_unpacked: false,
        });
    }
    let workbook = if kind == Kind::Zip {
        archive::check(source, file, limit)?
    } else {
        Workbook::Xls
    };
    let writer = RowWriter::new(Spool::new(file, limits)?);
    let reading = Reading {
        file,
        wanted,
        writer,
    };
    let bytes = source.reader().buffered();
    // A damaged workbook may violate what the library takes for granted.
    let read = catch_unwind(AssertUnwindSafe(|| match workbook {
        Workbook::Xlsx => reading.xlsx(bytes),
        Workbook::Xlsb => reading.xlsb(bytes),
        Workbook::Xls => reading.table::<Xls<Bytes>>(bytes),
        Workbook::Ods => reading.table::<Ods<Bytes>>(bytes),
    }));
    read.unwrap_or_else(|_| Err(bad(file, "it is damaged")))
}

fn bad(file: &Arc<str>, reason: impl ToString) -> FileError {
    FileError::BadSpreadsheet {
        file: Arc::clone(file),
        reason: reason.to_string(),
    }
}

struct Reading<'a> {
    file: &'a Arc<str>,
    wanted: Option<&'a Arc<str>>,
    writer: RowWriter,
}

impl Reading<'_> {
    fn xlsx(mut self, bytes: Bytes) -> Result<Sheet, FileError> {
        let mut workbook = Xlsx::new(bytes).map_err(|error| bad(self.file, error))?;
        let (name, others) = self.choose(&workbook)?;
        let mut cells = workbook
            .worksheet_cells_reader(&name)
            .map_err(|error| bad(self.file, error))?;
        while let Some(cell) = cells.next_cell().map_err(|error| bad(self.file, error))? {
            self.push(cell.get_position(), &Data::from(cell.get_value().clone()))?;
        }
        self.finish(name, others)
    }

    fn xlsb(mut self, bytes: Bytes) -> Result<Sheet, FileError> {
        let mut workbook = Xlsb::new(bytes).map_err(|error| bad(self.file, error))?;
        let (name, others) = self.choose(&workbook)?;
        let mut cells = workbook
            .worksheet_cells_reader(&name)
            .map_err(|error| bad(self.file, error))?;
        while let Some(cell) = cells.next_cell().map_err(|error| bad(self.file, error))? {
            self.push(cell.get_position(), &Data::from(cell.get_value().clone()))?;
        }
        self.finish(name, others)
    }

    fn table<W: Reader<Bytes>>(mut self, bytes: Bytes) -> Result<Sheet, FileError>
    where
        W::Error: std::fmt::Display,
    {
        let mut workbook = W::new(bytes).map_err(|error| bad(self.file, error))?;
        let (name, others) = self.choose(&workbook)?;
        let table: Range<Data> = workbook
            .worksheet_range(&name)
            .map_err(|error| bad(self.file, error))?;
        let (first_row, first_column) = table.start().unwrap_or((0, 0));
        for (row, column, value) in table.used_cells() {
            let place = |first: u32, index: usize| {
                u32::try_from(index)
                    .ok()
                    .and_then(|index| first.checked_add(index))
            };
            let position = place(first_row, row).zip(place(first_column, column));
            self.push(
                position.ok_or_else(|| bad(self.file, "it is damaged"))?,
                value,
            )?;
        }
        self.finish(name, others)
    }

    fn choose<W: Reader<Bytes>>(&self, workbook: &W) -> Result<(String, Vec<String>), FileError> {
        let sheets = workbook
            .sheets_metadata()
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet);
        let sheets: Vec<_> = sheets.collect();
        let chosen = match self.wanted {
            Some(name) => sheets.iter().find(|sheet| sheet.name == **name),
            None => sheets
                .iter()
                .find(|sheet| sheet.visible == SheetVisible::Visible)
                .or(sheets.first()),
        };
        let names = |without: Option<&str>| {
            let names = sheets.iter().map(|sheet| sheet.name.clone());
            names
                .filter(|name| Some(name.as_str()) != without)
                .collect()
        };
        match (chosen, self.wanted) {
            (Some(chosen), _) => Ok((chosen.name.clone(), names(Some(&chosen.name)))),
            (None, Some(sheet)) => Err(FileError::NoSuchSheet {
                file: Arc::clone(self.file),
                sheet: Arc::clone(sheet),
                known: names(None),
            }),
            (None, None) => Err(bad(self.file, "it has no sheet")),
        }
    }

    fn push(&mut self, (row, column): (u32, u32), value: &Data) -> Result<(), FileError> {
        self.writer
            .push(row, column, value)
            .map_err(|refused| refusal(self.file, refused))
    }

    fn finish(self, name: String, others: Vec<String>) -> Result<Sheet, FileError> {
        let rows = self
            .writer
            .finish()
            .map_err(|refused| refusal(self.file, refused))?;
        Ok(Sheet { name, others, rows })
    }
}

fn refusal(file: &Arc<str>, refused: Refused) -> FileError {
    match refused {
        Refused::OutOfOrder => bad(file, "its rows are not in order"),
        Refused::File(error) => error,
    }
}
