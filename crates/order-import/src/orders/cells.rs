//! The mapping bound to the columns of one file: takes texts of fields out of the cells of a row. It judges nothing,
//! except whether the columns are there and whether a row counts.

use std::borrow::Cow;

use crate::files::Row;
use crate::formula;
use crate::mapping::{Case, ColumnRef, Edits, Field, Mapping, Origin, Piece, RowFilter, word_of};

/// A mapping whose columns are found in one file.
#[derive(Debug)]
pub struct Bound<'m> {
    /// The mapping.
    pub mapping: &'m Mapping,
    /// The cell of each column of the mapping.
    cells: Vec<usize>,
}

/// Why a mapping does not fit a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// Columns that the heading does not have.
    Missing(Vec<String>),
    /// A column that the heading has twice.
    Twice(String),
}

/// A text of a field that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The text, edited as the mapping says.
    pub text: String,
    /// The cell as the file has it, if it differs.
    cell: Option<String>,
}

impl Found {
    /// A text that no cell has.
    pub const fn fixed(text: String) -> Self {
        Self { text, cell: None }
    }

    /// The cell as the file has it.
    pub fn cell(&self) -> &str {
        self.cell.as_deref().unwrap_or(&self.text)
    }

    /// The text without spaces around it.
    pub fn trimmed(&self) -> &str {
        self.text.trim()
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        self.text.len() + self.cell.as_ref().map_or(0, String::len)
    }
}

impl<'m> Bound<'m> {
    /// Finds every column that the mapping names.
    ///
    /// # Errors
    /// If columns are missing, or one is there twice.
    pub fn new(mapping: &'m Mapping, columns: &[String]) -> Result<Self, Misfit> {
        let mut cells = Vec::new();
        let mut missing = Vec::new();
        for name in mapping.columns() {
            let mut found = columns
                .iter()
                .enumerate()
                .filter(|(_, column)| column.trim() == name);
            match (found.next(), found.next()) {
                (Some((index, _)), None) => cells.push(index),
                (Some(_), Some(_)) => return Err(Misfit::Twice(name.clone())),
                (None, _) => missing.push(name.clone()),
            }
        }
        if missing.is_empty() {
            Ok(Self { mapping, cells })
        } else {
            Err(Misfit::Missing(missing))
        }
    }

    /// The index of a column's cell.
    pub fn index(&self, column: ColumnRef) -> usize {
        self.cells[column.index()]
    }

    /// The name of the mapping's column at a cell.
    pub fn column_at(&self, cell: usize) -> Option<&'m str> {
        let column = self.cells.iter().position(|own| *own == cell)?;
        self.mapping.columns().get(column).map(String::as_str)
    }

    /// The cell of a column as the file has it.
    pub fn raw<'r>(&self, column: ColumnRef, row: &'r Row) -> &'r str {
        row.cells.get(self.index(column)).map_or("", String::as_str)
    }

    /// The text of a column: without the signs that make a spreadsheet take it for a text, empty if it counts as blank.
    pub fn cell<'r>(&self, column: ColumnRef, row: &'r Row) -> Cow<'r, str> {
        let raw = self.raw(column, row);
        let text = unwrapped(raw, self.mapping.has_formula_quotes);
        let null = &self.mapping.null;
        if text.trim().is_empty() || (!null.is_empty() && null.contains(&word_of(&text))) {
            Cow::Borrowed("")
        } else {
            text
        }
    }

    /// Whether the mapping's filters let the row count.
    pub fn counts(&self, row: &Row) -> bool {
        let matches = |filter: &RowFilter| filter.matches(&self.cell(filter.column, row));
        let mapping = self.mapping;
        mapping.only.iter().all(matches) && !mapping.skip.iter().any(matches)
    }

    /// The text of a field; `None` if it is blank. [`Edits::when_empty`] is left to the caller, because a later row may
    /// have a text.
    pub fn text(&self, field: &Field, row: &Row) -> Option<Found> {
        match &field.origin {
            Origin::Value(value) => Some(Found::fixed(value.clone())),
            Origin::Columns(columns) => {
                let (column, text) = columns
                    .iter()
                    .map(|column| (*column, self.cell(*column, row)))
                    .find(|(_, text)| !text.is_empty())?;
                edited(text, self.raw(column, row), &field.edits)
            }
            Origin::Template(pieces) => {
                let text = self.joined(pieces, row)?;
                let raw = text.clone();
                edited(Cow::Owned(text), &raw, &field.edits)
            }
        }
    }

    /// The text of a line's field: [`Edits::when_empty`] stands for a blank one.
    pub fn line_text(&self, field: &Field, row: &Row) -> Option<Found> {
        let when_empty = || field.edits.when_empty.clone().map(Found::fixed);
        self.text(field, row).or_else(when_empty)
    }

    /// What says which order a row belongs to; empty if nothing does.
    pub fn name(&self, row: &Row) -> String {
        let grouping = self.mapping.grouping();
        let found = grouping.and_then(|(field, _)| self.text(field, row));
        found.map_or_else(String::new, |found| found.trimmed().to_owned())
    }

    /// What says which order an unreadable row belongs to, and whether that is certain: its columns are among the first
    /// `trusted_cells`.
    pub fn broken_name(&self, row: &Row, trusted_cells: usize) -> (String, bool) {
        let Some((field, _)) = self.mapping.grouping() else {
            return (String::new(), false);
        };
        let trusted = trusted_cells.min(row.cells.len());
        let columns = field.columns();
        let is_trusted = columns.iter().all(|column| self.index(*column) < trusted);
        let name = self.name(row);
        let is_certain = is_trusted && !name.is_empty();
        (name, is_certain)
    }

    /// The cells of all columns that the mapping names.
    pub fn named_cells<'r>(&self, row: &'r Row) -> impl Iterator<Item = &'r str> {
        self.cells
            .iter()
            .map(|cell| row.cells.get(*cell).map_or("", String::as_str))
    }

    fn joined(&self, pieces: &[Piece], row: &Row) -> Option<String> {
        let mut text = String::new();
        let mut is_blank = true;
        for piece in pieces {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Column(column) => {
                    let cell = self.cell(*column, row);
                    is_blank &= cell.is_empty();
                    text.push_str(cell.trim());
                }
            }
        }
        (!is_blank).then(|| text.trim().to_owned())
    }
}

/// `="00123"` is the text 00123. With `has_formula_quotes`, an apostrophe before a sign that begins a formula is taken off,
/// and the rest is taken as it is.
fn unwrapped(raw: &str, has_formula_quotes: bool) -> Cow<'_, str> {
    if has_formula_quotes {
        let text = formula::restore(raw);
        if text != raw {
            return Cow::Borrowed(text);
        }
    }
    let formula = raw.trim().strip_prefix("=\"");
    match formula.and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if text.contains("\"\"") => Cow::Owned(text.replace("\"\"", "\"")),
        Some(text) => Cow::Borrowed(text),
        None => Cow::Borrowed(raw),
    }
}

fn edited(text: Cow<'_, str>, raw: &str, edits: &Edits) -> Option<Found> {
    let text = if edits.is_empty() {
        text.into_owned()
    } else {
        edit(text.trim(), edits)
    };
    if text.trim().is_empty() {
        return None;
    }
    let cell = (text != raw).then(|| raw.to_owned());
    Some(Found { text, cell })
}

fn edit(text: &str, edits: &Edits) -> String {
    let prefix = edits.strip_prefix.iter();
    let text = prefix
        .filter_map(|prefix| text.strip_prefix(prefix.as_str()))
        .next()
        .unwrap_or(text);
    let suffix = edits.strip_suffix.iter();
    let text = suffix
        .filter_map(|suffix| text.strip_suffix(suffix.as_str()))
        .next()
        .unwrap_or(text);
    let text = match edits.case {
        None => text.to_owned(),
        Some(Case::Upper) => text.to_uppercase(),
        Some(Case::Lower) => text.to_lowercase(),
    };
    if edits.map.is_empty() {
        return text;
    }
    let mapped = edits.map.get(&word_of(&text));
    mapped.or(edits.otherwise.as_ref()).cloned().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{Bound, Misfit};
    use crate::files::Row;
    use crate::mapping::Mapping;

    fn mapping(fields: &str) -> Mapping {
        Mapping::parse(&format!(
            "currency = \"USD\"\nnull = \"--\"\nformula_quote = true\n[order]\nuser_id = \"A\"\namount = \"B\"\nmetadata = {{ {fields} }}\n"
        ))
        .unwrap()
    }

    fn text(field: &str, a: &str, b: &str) -> Option<(String, String)> {
        let mapping = mapping(&format!("f = {field}"));
        let bound = Bound::new(&mapping, &["A".to_owned(), " B ".to_owned()]).unwrap();
        let row = Row {
            cells: vec![a.to_owned(), b.to_owned()],
            ..Row::default()
        };
        let found = bound.text(&mapping.order.metadata["f"], &row)?;
        Some((found.text.clone(), found.cell().to_owned()))
    }

    #[test]
    fn a_field_is_the_first_column_that_is_not_blank_or_a_template_of_several() {
        let is = |text: &str, cell: &str| Some((text.to_owned(), cell.to_owned()));
        assert_eq!(text("[\"A\", \"B\"]", " -- ", "x"), is("x", "x"));
        assert_eq!(text("[\"A\", \"B\"]", "", " "), None);
        let both = "{ template = \"{A}-{B}\" }";
        assert_eq!(text(both, " a ", "b"), is("a-b", "a-b"));
        assert_eq!(text(both, "", "--"), None);
        assert_eq!(text("{ value = \"v\" }", "", ""), is("v", "v"));
    }

    #[test]
    fn edits_are_done_in_their_order_and_the_cell_stays_known() {
        let edits = "{ column = \"A\", strip_prefix = [\"No. \", \"#\"], strip_suffix = \".0\", case = \"upper\", map = { ab = \"x\" }, otherwise = \"y\" }";
        for (cell, expected) in [("#ab.0", "x"), (" No. ab ", "x"), ("abc", "y")] {
            assert_eq!(
                text(edits, cell, ""),
                Some((expected.to_owned(), cell.to_owned()))
            );
        }
        assert_eq!(
            text("{ column = \"A\", strip_prefix = \"#\" }", "#", ""),
            None
        );
    }

    #[test]
    fn signs_that_protect_a_text_from_spreadsheets_are_taken_off() {
        for (cell, expected) in [
            ("=\"00123\"", "00123"),
            ("=\"a\"\"b\"", "a\"b"),
            ("'=1+1", "=1+1"),
            ("''=1", "'=1"),
            ("'tis", "'tis"),
            ("'=\"1\"", "=\"1\""),
        ] {
            let (text, raw) = text("\"A\"", cell, "").unwrap();
            assert_eq!((text.as_str(), raw.as_str()), (expected, cell));
        }
    }

    #[test]
    fn columns_that_are_missing_or_there_twice_are_named() {
        let mapping = mapping("f = \"C\"");
        let columns = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(
            Bound::new(&mapping, &columns(&["A", "x"])).unwrap_err(),
            Misfit::Missing(columns(&["B", "C"]))
        );
        assert_eq!(
            Bound::new(&mapping, &columns(&["A", "B", "C", "B"])).unwrap_err(),
            Misfit::Twice("B".to_owned())
        );
    }
}
