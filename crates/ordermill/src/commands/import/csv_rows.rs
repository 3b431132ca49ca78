//! CSV as RFC 4180 writes it, read strictly and without ever losing its footing: a row with bad quotes is handed out
//! as broken, and reading goes on at the next physical line, so that one forgotten quote costs one row and not the
//! rest of the file. Memory is bounded by the longest row allowed. Knows nothing of orders.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use super::rows::{Broken, MAX_ROW_BYTES, Row, read_line};

/// The most physical lines that one quoted row may span.
const MAX_LINES_A_ROW: usize = 1000;

/// The rows under a heading.
pub struct CsvRows {
    lines: Lines,
    delimiter: u8,
    columns: Vec<String>,
    row: u64,
}

struct Lines {
    bytes: Box<dyn BufRead + Send>,
    ahead: VecDeque<(Vec<u8>, bool)>,
}

impl Lines {
    fn peek(&mut self, index: usize) -> io::Result<Option<&(Vec<u8>, bool)>> {
        while self.ahead.len() <= index {
            match read_line(&mut *self.bytes)? {
                Some(line) => self.ahead.push_back(line),
                None => return Ok(None),
            }
        }
        Ok(self.ahead.get(index))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuoteClosed,
}

struct Record {
    cells: Vec<Vec<u8>>,
    broken: Option<(&'static str, String)>,
}

impl CsvRows {
    /// Reads the heading; `None` where there is not even one.
    pub fn begin(bytes: Box<dyn BufRead + Send>, delimiter: u8) -> io::Result<Option<Self>> {
        let lines = Lines {
            bytes,
            ahead: VecDeque::new(),
        };
        let mut rows = Self {
            lines,
            delimiter,
            columns: Vec::new(),
            row: 0,
        };
        let Some(heading) = rows.record()? else {
            return Ok(None);
        };
        if let Some((_, reason)) = heading.broken {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the heading {reason}"),
            ));
        }
        rows.columns = heading
            .cells
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim().to_owned())
            .collect();
        Ok(Some(rows))
    }

    /// The heading.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row; blank lines are passed over.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        let Some(record) = self.record()? else {
            return Ok(None);
        };
        let mut undecodable = Vec::new();
        let decode = |(index, cell): (usize, Vec<u8>)| {
            String::from_utf8(cell).unwrap_or_else(|error| {
                undecodable.push(index);
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            })
        };
        let cells: Vec<String> = record.cells.into_iter().enumerate().map(decode).collect();
        let broken = match record.broken {
            // Every cell that was finished before the fault is what it seems to be.
            Some((code, reason)) => Some(Broken {
                code,
                reason,
                trusted_cells: cells.len(),
            }),
            // A delimiter too many or too few may be anywhere past the first cell.
            None if cells.len() != self.columns.len() => Some(Broken {
                code: "wrong_column_count",
                reason: format!(
                    "has {} columns where the heading has {}",
                    cells.len(),
                    self.columns.len()
                ),
                trusted_cells: 1,
            }),
            None => None,
        };
        Ok(Some(Row {
            number: self.row,
            cells,
            undecodable,
            broken,
        }))
    }

    fn record(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some((line, _)) = self.lines.peek(0)? else {
                return Ok(None);
            };
            if !line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                break;
            }
            self.row += 1;
            self.lines.ahead.pop_front();
        }
        self.row += 1;
        let (record, used) = self.split()?;
        self.lines.ahead.drain(..used);
        Ok(Some(record))
    }

    /// Splits the record that begins at the first line ahead; says how many lines it used up, which is one for a
    /// broken record.
    fn split(&mut self) -> io::Result<(Record, usize)> {
        let mut cells = Vec::new();
        let mut cell = Vec::new();
        let mut state = State::CellStart;
        let mut used = 0;
        let mut total = 0;
        let broken = |cells, code, reason: &str| {
            let broken = Some((code, reason.to_owned()));
            Ok((Record { cells, broken }, 1))
        };
        loop {
            let Some((line, is_cut)) = self.lines.peek(used)? else {
                return broken(cells, "bad_quotes", "opens a quote that is never closed");
            };
            used += 1;
            total += line.len();
            if *is_cut || total > MAX_ROW_BYTES || used > MAX_LINES_A_ROW {
                return if used == 1 {
                    broken(cells, "too_long", "is longer than 1 MiB")
                } else {
                    broken(
                        cells,
                        "bad_quotes",
                        "opens a quote that is not closed within 1 MiB or 1,000 lines",
                    )
                };
            }
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            for byte in content.iter().copied() {
                state = match (state, byte) {
                    (State::CellStart, b'"') => State::Quoted,
                    (State::CellStart | State::Plain | State::QuoteClosed, byte)
                        if byte == self.delimiter =>
                    {
                        cells.push(std::mem::take(&mut cell));
                        State::CellStart
                    }
                    (State::Quoted, b'"') => State::QuoteClosed,
                    (State::Quoted, byte) => {
                        cell.push(byte);
                        State::Quoted
                    }
                    (State::QuoteClosed, b'"') => {
                        cell.push(b'"');
                        State::Quoted
                    }
                    (State::QuoteClosed, _) => {
                        return broken(
                            cells,
                            "bad_quotes",
                            "has text after a closing quote; a quote inside quotes is written twice",
                        );
                    }
                    (State::CellStart | State::Plain, byte) => {
                        cell.push(byte);
                        State::Plain
                    }
                };
            }
            if state != State::Quoted {
                cells.push(cell);
                let record = Record {
                    cells,
                    broken: None,
                };
                return Ok((record, used));
            }
            cell.extend_from_slice(&line[content.len()..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::CsvRows;

    fn read(text: &str) -> Vec<(u64, Vec<String>, Option<&'static str>)> {
        let bytes = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let mut rows = CsvRows::begin(bytes, b',').unwrap().unwrap();
        std::iter::from_fn(|| rows.next().unwrap())
            .map(|row| (row.number, row.cells, row.broken.map(|broken| broken.code)))
            .collect()
    }

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn quotes_line_breaks_and_crlf_are_read_as_rfc_4180_says() {
        assert_eq!(
            read("a,b\r\n\"x, \"\"y\"\"\",2\r\n\"two\r\nlines\",12\" nail\r\n"),
            [
                (2, cells(&["x, \"y\"", "2"]), None),
                (3, cells(&["two\r\nlines", "12\" nail"]), None),
            ]
        );
    }

    #[test]
    fn a_forgotten_quote_costs_its_own_row_alone() {
        assert_eq!(
            read("a,b\n1,ok\n2,\"never closed\n3,ok\n4,\"fine\"\n5,ok"),
            [
                (2, cells(&["1", "ok"]), None),
                (3, cells(&["2"]), Some("bad_quotes")),
                (4, cells(&["3", "ok"]), None),
                (5, cells(&["4", "fine"]), None),
                (6, cells(&["5", "ok"]), None),
            ]
        );
        assert_eq!(
            read("a,b\n1,\"x\"y\n2,z"),
            [
                (2, cells(&["1"]), Some("bad_quotes")),
                (3, cells(&["2", "z"]), None)
            ]
        );
    }

    #[test]
    fn rows_of_another_width_are_broken_and_a_cut_off_file_ends_in_one() {
        assert_eq!(
            read("a,b\n1\n2,3,4\n5,6\n7"),
            [
                (2, cells(&["1"]), Some("wrong_column_count")),
                (3, cells(&["2", "3", "4"]), Some("wrong_column_count")),
                (4, cells(&["5", "6"]), None),
                (5, cells(&["7"]), Some("wrong_column_count")),
            ]
        );
    }

    #[test]
    fn an_endless_row_is_passed_over_in_bounded_memory() {
        let text = format!("a,b\n1,{}\n2,ok\n", "x".repeat(3 * 1024 * 1024));
        let rows = read(&text);
        assert_eq!(rows[0].2, Some("too_long"));
        assert_eq!(rows[1], (3, cells(&["2", "ok"]), None));
    }

    #[test]
    fn an_empty_file_has_no_heading() {
        for text in ["", "\n\r\n"] {
            let bytes = Box::new(Cursor::new(text.as_bytes().to_vec()));
            assert!(CsvRows::begin(bytes, b',').unwrap().is_none(), "{text:?}");
        }
    }
}
