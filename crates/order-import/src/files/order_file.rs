//! An order file that is open: what it is, its rows as often as they are asked for, and why columns are missing.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use super::diagnose;
use super::diagnosis::Diagnosis;
use super::encoding::encoding_of;
use super::error::FileError;
use super::heading::Plan;
use super::input::{Input, Limits};
use super::json_rows::{JsonRows, names_of_first_object};
use super::kind::{Kind, kind_of};
use super::lines::{MAX_LINES_A_ROW, TextLines};
use super::sheet_rows::SheetRows;
use super::source::Source;
use super::spreadsheet::{self, Sheet};
use super::text_rows::{FoundHeading, MAX_HEADING_ROWS, TextRows};
use super::{FileLayout, Format, Row};

/// An open order file.
///
/// A plain file is read in place, in bounded memory, each time that rows are asked for. Everything else is unpacked or
/// copied into a temporary file when it is opened.
pub struct OrderFile {
    name: Arc<str>,
    layout: FileLayout,
    source: Source,
    head: Vec<u8>,
    content: Content,
}

enum Content {
    Delimited,
    Ndjson,
    Sheet(Sheet),
}

impl OrderFile {
    /// Opens a file, standard input or a pipe; unpacks gzip, and reads a spreadsheet whole.
    ///
    /// # Errors
    /// If it cannot be opened or unpacked, is above a limit, or is no order file at all.
    pub fn open(input: &Input, layout: &FileLayout, limits: &Limits) -> Result<Self, FileError> {
        Self::of_source(input.name(), Source::open(input, limits)?, layout, limits)
    }

    /// A file in memory, such as a bundled sample.
    ///
    /// # Errors
    /// As [`OrderFile::open`].
    pub fn from_bytes(
        name: &str,
        bytes: impl Into<Cow<'static, [u8]>>,
        layout: &FileLayout,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        let name = Arc::from(name);
        let source = Source::in_memory(bytes.into(), &name, limits)?;
        Self::of_source(name, source, layout, limits)
    }

    fn of_source(
        name: Arc<str>,
        source: Source,
        layout: &FileLayout,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        let cannot = |source| FileError::Read {
            file: Arc::clone(&name),
            row: 0,
            source,
        };
        let head = source.head().map_err(cannot)?;
        let content = match kind_of(&head) {
            Kind::Foreign(what, remedy) => {
                return Err(FileError::Foreign {
                    file: name,
                    what,
                    remedy,
                });
            }
            kind @ (Kind::Zip | Kind::Ole2) => {
                refuse_unless(Format::Spreadsheet, layout, &name)?;
                Content::Sheet(spreadsheet::read(
                    kind,
                    &source,
                    layout.sheet.as_ref(),
                    &name,
                    limits,
                )?)
            }
            Kind::Text if looks_like_json(&head, layout) => {
                refuse_unless(Format::Ndjson, layout, &name)?;
                Content::Ndjson
            }
            Kind::Text if layout.format == Some(Format::Ndjson) => Content::Ndjson,
            Kind::Text => {
                refuse_unless(Format::Delimited, layout, &name)?;
                Content::Delimited
            }
        };
        Ok(Self {
            name,
            layout: layout.clone(),
            source,
            head,
            content,
        })
    }

    /// The name in reports and messages.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the file is.
    pub const fn format(&self) -> Format {
        match self.content {
            Content::Delimited => Format::Delimited,
            Content::Ndjson => Format::Ndjson,
            Content::Sheet(_) => Format::Spreadsheet,
        }
    }

    /// How many bytes one pass over the rows reads, unpacked; [`RowReader::bytes_read`] counts up to it.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Sheet(sheet) => sheet.rows.len(),
            Content::Delimited | Content::Ndjson => self.source.len(),
        }
    }

    /// The rows from the first one under the heading; `None` if the file is empty or blank. `names` are the columns that
    /// the mapping names: they help to detect the delimiter, and are the columns of NDJSON. Whether they are in
    /// [`RowReader::columns`] is for the caller to check; [`OrderFile::diagnose`] says why not.
    ///
    /// # Errors
    /// If the heading cannot be found or read, or the file was overwritten since it was opened.
    pub fn rows<S: AsRef<str>>(&self, names: &[S]) -> Result<Option<RowReader>, FileError> {
        if self.source.is_overwritten() {
            return Err(FileError::Changed {
                file: Arc::clone(&self.name),
            });
        }
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        match &self.content {
            Content::Delimited => self.delimited_rows(&names),
            Content::Ndjson => {
                let has_line = self.lines()?.next()?.is_some();
                let columns = names.iter().map(|name| (*name).to_owned()).collect();
                let rows = has_line.then(|| self.lines()).transpose()?;
                Ok(rows.map(|lines| RowReader(Rows::Json(JsonRows::new(lines, columns)))))
            }
            Content::Sheet(sheet) => {
                let mut rows = SheetRows::new(Arc::clone(&self.name), &sheet.rows);
                let found = rows.find_heading(&self.layout.heading)?;
                let columns = self.columns_of(found, rows.row(), &names)?;
                Ok(columns.map(|columns| RowReader(Rows::Sheet(rows.under(columns)))))
            }
        }
    }

    fn delimited_rows(&self, names: &[&str]) -> Result<Option<RowReader>, FileError> {
        let cannot = |row| {
            move |source: io::Error| FileError::Read {
                file: Arc::clone(&self.name),
                row,
                source,
            }
        };
        let plan = Plan::new(&self.head, &self.layout, names);
        let mut records = plan.records(&self.source).map_err(cannot(0))?;
        let found = records
            .find_heading(&self.layout.heading)
            .map_err(cannot(0))?;
        let Some(columns) = self.columns_of(found, records.row(), names)? else {
            return Ok(None);
        };
        let file = Arc::clone(&self.name);
        let rows = TextRows::new(
            file,
            records,
            columns,
            self.layout.is_ragged,
            self.source.clone(),
        );
        Ok(Some(RowReader(Rows::Text(rows))))
    }

    fn columns_of(
        &self,
        found: FoundHeading,
        row: u64,
        names: &[&str],
    ) -> Result<Option<Vec<String>>, FileError> {
        let file = Arc::clone(&self.name);
        let diagnosis = || {
            Some(Box::new(self.diagnose(names)))
                .filter(|diagnosis| !diagnosis.settings().is_empty())
        };
        match (found, &self.layout.heading) {
            (FoundHeading::Columns(columns), _) => Ok(Some(columns)),
            (FoundHeading::Empty, _) => Ok(None),
            (FoundHeading::Broken(broken), _) => Err(FileError::BadHeading {
                file,
                row,
                reason: broken.reason,
                diagnosis: diagnosis(),
            }),
            (FoundHeading::Absent, heading) => Err(FileError::NoHeading {
                file,
                wanted: heading.wanted().to_vec(),
                rows: row.min(MAX_HEADING_ROWS),
                diagnosis: Some(Box::new(self.diagnose(heading.wanted()))),
            }),
        }
    }

    /// The lines of a text file, for NDJSON whose lines are whole orders.
    ///
    /// # Errors
    /// If the file was overwritten since it was opened.
    pub fn lines(&self) -> Result<TextLines, FileError> {
        if self.source.is_overwritten() {
            return Err(FileError::Changed {
                file: Arc::clone(&self.name),
            });
        }
        let lines = Plan::new(&self.head, &self.layout, &[]).lines(&self.source);
        Ok(TextLines::new(
            Arc::clone(&self.name),
            lines,
            self.source.clone(),
        ))
    }

    /// The names of the columns: the heading, or the names of the first object of NDJSON that can be read.
    ///
    /// # Errors
    /// As [`OrderFile::rows`].
    pub fn columns(&self) -> Result<Vec<String>, FileError> {
        if !matches!(self.content, Content::Ndjson) {
            let rows = self.rows::<&str>(&[])?;
            return Ok(rows.map_or_else(Vec::new, |rows| rows.columns().to_vec()));
        }
        let mut lines = self.lines()?;
        for _ in 0..MAX_LINES_A_ROW {
            let Some(line) = lines.next()? else {
                break;
            };
            let names = names_of_first_object(&line.text);
            if !names.is_empty() {
                return Ok(names);
            }
        }
        Ok(Vec::new())
    }

    /// Whether the encoding is in doubt although every cell may be readable: what the file looks like, and the setting to
    /// change. Looks at the first bytes alone.
    pub fn encoding_doubt(&self) -> Option<String> {
        if matches!(self.content, Content::Sheet(_)) {
            return None;
        }
        diagnose::encoding_doubt(&self.head, &self.layout)
    }

    /// The first rows of a file with columns as they are, whatever their width, to look for a heading among them: at most
    /// `count`, and none of NDJSON.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn first_rows(&self, count: usize) -> Result<Vec<Row>, FileError> {
        let mut found = Vec::new();
        match &self.content {
            Content::Ndjson => {}
            Content::Delimited => {
                let cannot = |row| {
                    move |source: io::Error| FileError::Read {
                        file: Arc::clone(&self.name),
                        row,
                        source,
                    }
                };
                let plan = Plan::new(&self.head, &self.layout, &[]);
                let mut records = plan.records(&self.source).map_err(cannot(0))?;
                while found.len() < count
                    && let Some(record) = records.next().map_err(cannot(records.row()))?
                {
                    found.push(Row {
                        number: records.row(),
                        cells: record.cells,
                        undecodable: record.undecodable,
                        broken: record.broken,
                        ..Row::default()
                    });
                }
            }
            Content::Sheet(sheet) => {
                let mut rows = SheetRows::new(Arc::clone(&self.name), &sheet.rows);
                while found.len() < count
                    && let Some(cells) = rows.next_cells()?
                {
                    found.push(Row {
                        number: rows.row(),
                        cells,
                        ..Row::default()
                    });
                }
            }
        }
        Ok(found)
    }

    /// Why columns of `names` are not in the heading: the setting to change, or the nearest columns.
    pub fn diagnose<S: AsRef<str>>(&self, names: &[S]) -> Diagnosis {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        match &self.content {
            Content::Delimited => diagnose::of_text(&self.head, &self.layout, &names),
            Content::Ndjson => {
                Diagnosis::of_columns(&names, &self.columns().unwrap_or_default(), None)
            }
            Content::Sheet(sheet) => diagnose::of_sheet(sheet, &self.name, &self.layout, &names),
        }
    }
}

fn looks_like_json(head: &[u8], layout: &FileLayout) -> bool {
    let (encoding, bom_bytes) = encoding_of(head, layout.encoding);
    let text = super::encoding::decode_all(&head[bom_bytes..], encoding);
    text.trim_ascii_start().first() == Some(&b'{')
}

fn refuse_unless(format: Format, layout: &FileLayout, name: &Arc<str>) -> Result<(), FileError> {
    match layout.format {
        Some(wanted) if wanted != format => Err(FileError::WrongFormat {
            file: Arc::clone(name),
            wanted: wanted.name(),
            found: format.name(),
        }),
        _ => Ok(()),
    }
}

/// Rows of an order file, first to last, in bounded memory.
pub struct RowReader(Rows);

enum Rows {
    Text(TextRows),
    Json(JsonRows),
    Sheet(SheetRows),
}

impl RowReader {
    /// The columns, in the order of the cells. A heading may have a name twice or a blank one.
    pub fn columns(&self) -> &[String] {
        match &self.0 {
            Rows::Text(rows) => rows.columns(),
            Rows::Json(rows) => rows.columns(),
            Rows::Sheet(rows) => rows.columns(),
        }
    }

    /// How many bytes of the file have been read, of [`OrderFile::size`]; a little ahead of the rows.
    pub fn bytes_read(&self) -> u64 {
        match &self.0 {
            Rows::Text(rows) => rows.bytes_read(),
            Rows::Json(rows) => rows.bytes_read(),
            Rows::Sheet(rows) => rows.bytes_read(),
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// If the file cannot be read on.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Row>, FileError> {
        match &mut self.0 {
            Rows::Text(rows) => rows.next(),
            Rows::Json(rows) => rows.next(),
            Rows::Sheet(rows) => rows.next(),
        }
    }
}
