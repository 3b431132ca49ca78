//! NDJSON: one object a line. A column is a name of the object; numbers keep their digits, because they are read as the
//! text that they are. Knows nothing of orders.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::error::FileError;
use super::lines::{TextLine, TextLines};
use super::{BrokenRow, Row};

/// The objects of a file as rows.
pub struct JsonRows {
    lines: TextLines,
    columns: Vec<String>,
}

impl JsonRows {
    /// Reads objects; cells come in the order of `columns`, blank if an object has no such name.
    pub fn new(lines: TextLines, columns: Vec<String>) -> Self {
        Self { lines, columns }
    }

    /// The names that are looked for.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many bytes of the file have been read.
    pub fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Row>, FileError> {
        let Some(line) = self.lines.next()? else {
            return Ok(None);
        };
        let mut row = Row {
            number: line.number,
            ..Row::default()
        };
        match cells(line, &self.columns) {
            Ok(cells) => row.cells = cells,
            Err(broken) => row.broken = Some(broken),
        }
        row.undecodable = (0..row.cells.len())
            .filter(|cell| row.cells[*cell].contains('\0'))
            .collect();
        Ok(Some(row))
    }
}

fn cells(line: TextLine, columns: &[String]) -> Result<Vec<String>, BrokenRow> {
    let broken = |code, reason| BrokenRow {
        code,
        reason,
        trusted_cells: 0,
    };
    if let Some(broken) = line.broken {
        return Err(broken);
    }
    let object: HashMap<String, &RawValue> = serde_json::from_str(&line.text)
        .map_err(|error| broken("bad_json", format!("is not one JSON object: {error}")))?;
    let cell = |column: &String| {
        match object.get(column) {
        None => Ok(String::new()),
        Some(value) => text_of_value(value.get()).ok_or_else(|| {
            let reason = format!("has a list or an object in {column:?}; it must be text, a number, true, false or null");
            broken("wrong_type", reason)
        }),
    }
    };
    columns.iter().map(cell).collect()
}

/// The text of a string; digits, `true` and `false` as they are written; nothing for null.
fn text_of_value(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'n' => Some(String::new()),
        b'[' | b'{' => None,
        _ => Some(json.to_owned()),
    }
}

/// The names of the first object, in its order; nothing if the first line is no object.
pub fn names_of_first_object(text: &str) -> Vec<String> {
    let object: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(text).ok();
    object.map_or_else(Vec::new, |object| {
        object.into_iter().map(|(name, _)| name).collect()
    })
}
