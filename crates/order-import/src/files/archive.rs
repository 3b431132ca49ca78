//! What is in a zip archive, and whether it is safe to unpack. Each entry is inflated once and thrown away before the
//! workbook is read, because the sizes that an archive declares may be wrong: a small archive must not eat the memory.

use std::io::{BufReader, Read};
use std::sync::Arc;

use zip::ZipArchive;

use super::error::FileError;
use super::source::{Source, SourceReader};

/// A spreadsheet of a format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workbook {
    /// Excel from 2007 on.
    Xlsx,
    /// The same, in binary.
    Xlsb,
    /// OpenDocument.
    Ods,
    /// Excel up to 2003.
    Xls,
}

/// What a cell of an OpenDocument sheet takes in memory at least, with its formula.
const ODS_CELL_BYTES: u64 = 64;

/// Finds out which workbook the archive is, and that it does not unpack to more than `limit` bytes.
pub fn check(source: &Source, name: &Arc<str>, limit: u64) -> Result<Workbook, FileError> {
    let bad = |reason: String| FileError::BadSpreadsheet {
        file: Arc::clone(name),
        reason,
    };
    let mut archive = ZipArchive::new(source.reader().buffered())
        .map_err(|error| bad(format!("its zip archive is damaged: {error}")))?;
    let workbook = workbook_of(&archive).ok_or_else(|| FileError::Foreign {
        file: Arc::clone(name),
        what: "a zip archive and not a spreadsheet",
        remedy: "unpack it first",
    })?;
    let mut budget = Budget { left: limit };
    let mut buffer = vec![0; 64 * 1024];
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| bad(format!("its zip archive is damaged: {error}")))?;
        let mut cells = (workbook == Workbook::Ods
            && entry.name().is_ok_and(|name| name == "content.xml"))
        .then(OdsCells::default);
        loop {
            let count = entry
                .read(&mut buffer)
                .map_err(|error| bad(format!("its zip archive is damaged: {error}")))?;
            if count == 0 {
                break;
            }
            let expanded = cells
                .as_mut()
                .map_or(0, |cells| cells.read(&buffer[..count]));
            if !budget.spend(count as u64) || expanded > budget.left {
                return Err(FileError::SpreadsheetTooLarge {
                    file: Arc::clone(name),
                    limit,
                    is_unpacked: true,
                });
            }
        }
    }
    Ok(workbook)
}

fn workbook_of(archive: &ZipArchive<BufReader<SourceReader>>) -> Option<Workbook> {
    let has = |name| archive.index_for_name(name).is_some();
    if has("xl/workbook.bin") {
        Some(Workbook::Xlsb)
    } else if has("content.xml") && has("mimetype") {
        Some(Workbook::Ods)
    } else {
        let is_xlsx = has("[Content_Types].xml")
            && archive
                .file_names_raw()
                .any(|name| name.starts_with(b"xl/"));
        is_xlsx.then_some(Workbook::Xlsx)
    }
}

struct Budget {
    left: u64,
}

impl Budget {
    fn spend(&mut self, bytes: u64) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// How much memory the cells of an OpenDocument file take: one short tag may stand for millions of repeated cells.
/// Reads tags alone, and counts each sheet as the rectangle that it fills.
#[derive(Default)]
struct OdsCells {
    tag: Vec<u8>,
    is_in_tag: bool,
    quote: Option<u8>,
    /// Bytes of all sheets before this one.
    finished: u64,
    width: u64,
    rows: u64,
    blank_rows: u64,
    row_repeats: u64,
    row_cells: u64,
    blank_cells: u64,
}

impl OdsCells {
    /// Reads on; the bytes that all cells so far take.
    fn read(&mut self, bytes: &[u8]) -> u64 {
        for byte in bytes {
            match (self.is_in_tag, self.quote, byte) {
                (false, _, b'<') => {
                    self.is_in_tag = true;
                    self.tag.clear();
                }
                (false, ..) => {}
                (true, Some(quote), byte) => {
                    self.quote = (*byte != quote).then_some(quote);
                    self.tag.push(*byte);
                }
                (true, None, b'>') => {
                    self.is_in_tag = false;
                    self.end_tag();
                }
                (true, None, byte) => {
                    self.quote = matches!(byte, b'"' | b'\'').then_some(*byte);
                    self.tag.push(*byte);
                }
            }
        }
        self.bytes()
    }

    const fn bytes(&self) -> u64 {
        let cells = self.rows.saturating_mul(self.width);
        self.finished
            .saturating_add(cells.saturating_mul(ODS_CELL_BYTES))
    }

    fn end_tag(&mut self) {
        let name_end = self
            .tag
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'/' && self.tag[0] != b'/');
        match &self.tag[..name_end.unwrap_or(self.tag.len())] {
            b"table:table" => {
                self.finished = self.bytes();
                (self.width, self.rows, self.blank_rows) = (0, 0, 0);
            }
            b"table:table-row" => {
                self.row_repeats = self.repeats(b"table:number-rows-repeated");
                (self.row_cells, self.blank_cells) = (0, 0);
            }
            b"table:table-cell" | b"table:covered-table-cell" => {
                let cells = self.repeats(b"table:number-columns-repeated");
                let is_blank = self.tag.ends_with(b"/") && find(&self.tag, b"office:").is_none();
                if is_blank {
                    self.blank_cells = self.blank_cells.saturating_add(cells);
                } else {
                    self.row_cells = self
                        .row_cells
                        .saturating_add(self.blank_cells)
                        .saturating_add(cells);
                    self.blank_cells = 0;
                }
            }
            b"/table:table-row" if self.row_cells == 0 => {
                self.blank_rows = self.blank_rows.saturating_add(self.row_repeats);
            }
            b"/table:table-row" => {
                self.rows = self
                    .rows
                    .saturating_add(self.blank_rows)
                    .saturating_add(self.row_repeats);
                self.blank_rows = 0;
                self.width = self.width.max(self.row_cells);
            }
            _ => {}
        }
    }

    /// The number in an attribute of the tag; 1 without it, and too many if it is no number.
    fn repeats(&self, attribute: &[u8]) -> u64 {
        let Some(at) = find(&self.tag, attribute) else {
            return 1;
        };
        let rest = &self.tag[at + attribute.len()..];
        let digits: Vec<u8> = rest
            .iter()
            .copied()
            .skip_while(|byte| !byte.is_ascii_digit())
            .take_while(u8::is_ascii_digit)
            .collect();
        std::str::from_utf8(&digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(u64::MAX)
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::OdsCells;

    #[test]
    fn repeated_cells_and_rows_count_as_often_as_they_are_repeated() {
        let bytes = |xml: &str| OdsCells::default().read(xml.as_bytes());
        let cell = "<table:table-cell office:value-type='string' table:number-columns-repeated=\"1000\"><text:p>x</text:p></table:table-cell>";
        let blank = "<table:table-cell table:number-columns-repeated='16384'/>";
        let sheet = |rows: &str| format!("<table:table table:name='a > b'>{rows}</table:table>");
        let row = |repeats: u32, cells: &str| {
            format!(
                "<table:table-row table:number-rows-repeated=\"{repeats}\">{cells}</table:table-row>"
            )
        };
        assert_eq!(
            bytes(&sheet(&row(1000, &format!("{cell}{blank}")))),
            64_000_000
        );
        // Blank cells and rows at the end take nothing; before others they do.
        assert_eq!(bytes(&sheet(&row(1_000_000, blank))), 0);
        assert_eq!(
            bytes(&sheet(&format!("{}{}", row(9, blank), row(1, cell)))),
            640_000
        );
        assert_eq!(bytes(&format!("{0}{0}", sheet(&row(1, cell)))), 128_000);
    }
}
