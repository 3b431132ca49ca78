//! NDJSON: one object a line. A column is a name of the object; numbers keep their digits, because they are read as the
//! text that they are. Knows nothing of orders.

use std::collections::HashMap;
use std::io::{self, BufRead};

use serde_json::value::RawValue;

use super::rows::{Broken, Row, read_line};

/// The lines of a file.
pub struct JsonRows {
    bytes: Box<dyn BufRead + Send>,
    columns: Vec<String>,
    row: u64,
}

impl JsonRows {
    /// Reads objects; cells come in the order of `columns`, empty where an object has no such name.
    pub fn begin(bytes: Box<dyn BufRead + Send>, columns: Vec<String>) -> Self {
        Self {
            bytes,
            columns,
            row: 0,
        }
    }

    /// The names that are looked for.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row; blank lines are passed over.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some((line, is_cut)) = read_line(&mut *self.bytes)? else {
                return Ok(None);
            };
            self.row += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let result = if is_cut {
                Err(("too_long", "is longer than 1 MiB".to_owned()))
            } else {
                self.cells(&line)
            };
            let (cells, broken) = match result {
                Ok(cells) => (cells, None),
                Err((code, reason)) => {
                    let broken = Broken {
                        code,
                        reason,
                        trusted_cells: 0,
                    };
                    (Vec::new(), Some(broken))
                }
            };
            return Ok(Some(Row {
                number: self.row,
                cells,
                undecodable: Vec::new(),
                broken,
            }));
        }
    }

    fn cells(&self, line: &[u8]) -> Result<Vec<String>, (&'static str, String)> {
        let text =
            std::str::from_utf8(line).map_err(|_| ("not_utf8", "is not UTF-8".to_owned()))?;
        let object: HashMap<String, &RawValue> = serde_json::from_str(text)
            .map_err(|error| ("bad_json", format!("is not one JSON object: {error}")))?;
        self.columns
            .iter()
            .map(|column| match object.get(column) {
                None => Ok(String::new()),
                Some(value) => cell(value.get()).ok_or_else(|| {
                    (
                        "wrong_type",
                        format!(
                            "holds {column:?} as a list or an object; text or a number is needed"
                        ),
                    )
                }),
            })
            .collect()
    }
}

/// The text of a string; digits, `true` and `false` as they are written; nothing for null.
fn cell(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'n' => Some(String::new()),
        b'[' | b'{' => None,
        _ => Some(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::JsonRows;

    #[test]
    fn numbers_keep_their_digits_and_a_bad_line_is_one_broken_row() {
        let text = "{\"a\": \"x\\n\", \"b\": 0.10}\n\n{\"a\": 1,\n{\"b\": null}\n{\"a\": [1]}\n";
        let bytes = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let mut rows = JsonRows::begin(bytes, vec!["a".to_owned(), "b".to_owned()]);
        let read: Vec<_> = std::iter::from_fn(|| rows.next().unwrap())
            .map(|row| (row.number, row.cells, row.broken.map(|broken| broken.code)))
            .collect();
        let cells = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(
            read,
            [
                (1, cells("x\n", "0.10"), None),
                (3, vec![], Some("bad_json")),
                (4, cells("", ""), None),
                (5, vec![], Some("wrong_type")),
            ]
        );
    }
}
