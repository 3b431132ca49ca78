//! Rows of cells between delimiters, read strictly as RFC 4180 says and in step with the file: a row with bad quotes is
//! broken, and reading goes on at the next physical line, so that one forgotten quote costs one row and not the rest of
//! the file. Memory is bounded by the longest row. Knows nothing of headings.

use std::io;

use super::lines::{Lines, MAX_LINES_A_ROW, MAX_ROW_BYTES, text_of, too_long};
use super::{BrokenRow, MAX_COLUMNS};

/// How cells are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells, if cells are quoted.
    pub quote: Option<u8>,
}

/// One record: a row of the file, whatever is in it.
#[derive(Debug, Default)]
pub struct Record {
    /// The cells that were finished.
    pub cells: Vec<String>,
    /// Indexes of cells with bytes that the encoding does not have.
    pub undecodable: Vec<usize>,
    /// Why there are no more cells.
    pub broken: Option<BrokenRow>,
    /// Whether a line end closes it; only the last record of a file may lack one.
    pub is_ended: bool,
}

impl Record {
    /// Whether every cell is blank.
    pub fn is_blank(&self) -> bool {
        self.broken.is_none() && self.cells.iter().all(|cell| cell.trim().is_empty())
    }

    fn push(&mut self, cell: &[u8]) {
        let (text, is_undecodable) = text_of(cell);
        if is_undecodable {
            self.undecodable.push(self.cells.len());
        }
        self.cells.push(text);
    }
}

/// The next record; `None` at the end of the file. A broken record uses up its first line alone.
pub fn next_record(lines: &mut Lines, dialect: Dialect) -> io::Result<Option<Record>> {
    let Some(first) = lines.peek(0)? else {
        return Ok(None);
    };
    let mut splitter = Splitter {
        dialect,
        record: Record::default(),
        quoted: Vec::new(),
        is_quoted: false,
    };
    let mut used = 0;
    let mut bytes = 0;
    let end = loop {
        let Some(line) = lines.peek(used)? else {
            break End::Broken("opens a quote that is never closed");
        };
        used += 1;
        bytes += line.len();
        if line.is_cut || bytes > MAX_ROW_BYTES || used > MAX_LINES_A_ROW {
            break if used == 1 {
                End::TooLong
            } else {
                End::Broken("opens a quote that is not closed within 1 MiB or 1,000 lines")
            };
        }
        let (content, line_end) = lines.parts(line);
        match splitter.split(content, line_end) {
            End::Open => {}
            end => {
                splitter.record.is_ended = line.is_ended;
                break end;
            }
        }
    };
    let mut record = splitter.record;
    let trusted_cells = record.cells.len();
    let broken = |code, reason: String, trusted_cells| {
        Some(BrokenRow {
            code,
            reason,
            trusted_cells,
        })
    };
    match end {
        End::Done | End::Open => {}
        End::TooLong => record.broken = Some(too_long(trusted_cells)),
        End::TooWide => {
            record.broken = broken(
                "wrong_column_count",
                format!("has more than {MAX_COLUMNS} columns"),
                1,
            );
        }
        End::Broken(reason) => {
            record.broken = broken("bad_quotes", reason.to_owned(), trusted_cells)
        }
    }
    if record.broken.is_some() {
        used = 1;
        record.is_ended = first.is_ended;
    }
    lines.consume(used);
    Ok(Some(record))
}

/// How the record looks after one of its lines.
enum End {
    /// It ends with the line.
    Done,
    /// A quoted cell goes on in the next line.
    Open,
    TooLong,
    TooWide,
    Broken(&'static str),
}

struct Splitter {
    dialect: Dialect,
    record: Record,
    /// The content of the quoted cell that is open.
    quoted: Vec<u8>,
    is_quoted: bool,
}

impl Splitter {
    fn split(&mut self, content: &[u8], line_end: &[u8]) -> End {
        let mut rest = content;
        loop {
            if self.record.cells.len() >= MAX_COLUMNS {
                return End::TooWide;
            }
            if !self.is_quoted
                && rest
                    .first()
                    .is_some_and(|first| Some(*first) == self.dialect.quote)
            {
                self.is_quoted = true;
                rest = &rest[1..];
            }
            let after = if self.is_quoted {
                self.quoted_cell(rest, line_end)
            } else {
                Ok(self.plain_cell(rest))
            };
            match after {
                Ok(Some(after)) => rest = after,
                Ok(None) => return End::Done,
                Err(end) => return end,
            }
        }
    }

    /// Takes one cell without quotes; what follows its delimiter.
    fn plain_cell<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let end = rest.iter().position(|byte| *byte == self.dialect.delimiter);
        self.record.push(&rest[..end.unwrap_or(rest.len())]);
        end.map(|end| &rest[end + 1..])
    }

    /// Takes one cell from within its quotes; what follows its delimiter.
    fn quoted_cell<'a>(
        &mut self,
        mut rest: &'a [u8],
        line_end: &[u8],
    ) -> Result<Option<&'a [u8]>, End> {
        loop {
            let Some(at) = rest
                .iter()
                .position(|byte| Some(*byte) == self.dialect.quote)
            else {
                self.quoted.extend_from_slice(rest);
                self.quoted.extend_from_slice(line_end);
                return Err(End::Open);
            };
            self.quoted.extend_from_slice(&rest[..at]);
            let after = &rest[at + 1..];
            match after.first() {
                Some(byte) if Some(*byte) == self.dialect.quote => {
                    self.quoted.push(*byte);
                    rest = &after[1..];
                }
                Some(byte) if *byte != self.dialect.delimiter => {
                    return Err(End::Broken(
                        "has text after a closing quote; a quote inside quotes is written twice",
                    ));
                }
                next => {
                    self.is_quoted = false;
                    self.record.push(&self.quoted);
                    self.quoted.clear();
                    return Ok(next.is_some().then(|| &after[1..]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::lines::Lines;
    use super::{Dialect, next_record};

    type Read = (Vec<String>, Option<&'static str>);

    fn read_by(text: &str, dialect: Dialect, line_end: u8) -> Vec<Read> {
        let mut lines = Lines::new(Box::new(Cursor::new(text.as_bytes().to_vec())), line_end);
        std::iter::from_fn(|| next_record(&mut lines, dialect).unwrap())
            .map(|record| (record.cells, record.broken.map(|broken| broken.code)))
            .collect()
    }

    fn read(text: &str) -> Vec<Read> {
        read_by(
            text,
            Dialect {
                delimiter: b',',
                quote: Some(b'"'),
            },
            b'\n',
        )
    }

    fn good(texts: &[&str]) -> Read {
        (texts.iter().map(|text| (*text).to_owned()).collect(), None)
    }

    fn bad(texts: &[&str], code: &'static str) -> Read {
        (good(texts).0, Some(code))
    }

    #[test]
    fn quotes_line_breaks_and_crlf_are_read_as_rfc_4180_says() {
        assert_eq!(
            read("\"x, \"\"y\"\"\",2\r\n\"two\r\nlines\",12\" nail\r\n\"\",\n"),
            [
                good(&["x, \"y\"", "2"]),
                good(&["two\r\nlines", "12\" nail"]),
                good(&["", ""])
            ]
        );
    }

    #[test]
    fn a_forgotten_quote_costs_its_own_row_alone() {
        assert_eq!(
            read("1,ok\n2,\"never closed\n3,ok\n4,\"fine\"\n5,ok"),
            [
                good(&["1", "ok"]),
                bad(&["2"], "bad_quotes"),
                good(&["3", "ok"]),
                good(&["4", "fine"]),
                good(&["5", "ok"])
            ]
        );
        assert_eq!(
            read("1,\"x\"y\n2,z"),
            [bad(&["1"], "bad_quotes"), good(&["2", "z"])]
        );
        assert_eq!(read("1,\"x"), [bad(&["1"], "bad_quotes")]);
    }

    #[test]
    fn a_quoted_cell_spans_a_thousand_lines_and_no_more() {
        let text = |lines: usize| format!("\"{}\"\n", vec!["x"; lines].join("\n"));
        assert_eq!(read(&text(1000)).len(), 1);
        let rows = read(&text(1001));
        assert_eq!(rows.len(), 1001);
        assert_eq!(rows[0], bad(&[], "bad_quotes"));
        assert_eq!(rows[1], good(&["x"]));
    }

    #[test]
    fn an_endless_row_is_passed_over() {
        let rows = read(&format!("1,{}\n2,ok\n", "x".repeat(3 * 1024 * 1024)));
        assert_eq!(rows, [bad(&[], "too_long"), good(&["2", "ok"])]);
    }

    #[test]
    fn more_columns_than_a_spreadsheet_has_break_the_row() {
        let rows = read(&format!("{}\n{}\n", ",".repeat(16_383), ",".repeat(16_384)));
        assert_eq!((rows[0].0.len(), rows[0].1), (16_384, None));
        assert_eq!(
            (rows[1].0.len(), rows[1].1),
            (16_384, Some("wrong_column_count"))
        );
    }

    #[test]
    fn another_quote_or_none_and_lone_carriage_returns_are_read() {
        let single = Dialect {
            delimiter: b';',
            quote: Some(b'\''),
        };
        assert_eq!(
            read_by("'a;''b''';\"c\n", single, b'\n'),
            [good(&["a;'b'", "\"c"])]
        );
        let none = Dialect {
            delimiter: b'\t',
            quote: None,
        };
        assert_eq!(
            read_by("\"a\t19\" rack\nb\t\"\n", none, b'\n'),
            [good(&["\"a", "19\" rack"]), good(&["b", "\""])]
        );
        let comma = Dialect {
            delimiter: b',',
            quote: Some(b'"'),
        };
        assert_eq!(
            read_by("a,\"b\rc\"\rd,e\r", comma, b'\r'),
            [good(&["a", "b\rc"]), good(&["d", "e"])]
        );
    }
}
