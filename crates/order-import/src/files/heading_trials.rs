//! Reads the first bytes of a text file with other encodings, delimiters, quotes and headings than its layout has, to
//! find the setting that is wrong. For `diagnose` alone.

use std::cmp::Reverse;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::diagnosis::{Diagnosis, marks, missing};
use super::encoding::{SINGLE_BYTE_AND_ASIAN, decode_all, encoding_of, names_of};
use super::heading::{DELIMITERS, Plan};
use super::text_rows::{FoundHeading, columns_of};
use super::{FileLayout, Heading, Quote};

/// How many rows are looked at for a heading below a preamble.
pub const ROWS: usize = 50;
/// How many first bytes are read with other settings.
pub const TRIED_BYTES: usize = 64 * 1024;

/// A way to read the heading, and what it finds.
pub struct Reading {
    layout: FileLayout,
    plan: Plan,
    /// The row of the heading, if it is not where the layout has it.
    row: Option<u64>,
    columns: Vec<String>,
    /// How many of the names are columns, and how few settings were changed for that.
    pub rank: (usize, Reverse<usize>),
}

/// The encodings to try; the one that the layout has comes first. A byte order mark leaves no doubt.
pub fn encodings(head: &[u8], plan: &Plan) -> Vec<&'static Encoding> {
    let mut encodings = vec![plan.encoding];
    if plan.bom_bytes > 0 {
        return encodings;
    }
    if plan.encoding != UTF_8 {
        encodings.push(UTF_8);
    }
    if head.contains(&0) {
        encodings.extend([UTF_16LE, UTF_16BE]);
    }
    if !head.is_ascii() {
        encodings.extend(
            SINGLE_BYTE_AND_ASIAN
                .into_iter()
                .filter(|other| *other != plan.encoding),
        );
    }
    encodings
}

/// Every way to read the heading in one encoding.
pub fn readings(
    head: &[u8],
    layout: &FileLayout,
    encoding: &'static Encoding,
    names: &[&str],
) -> Vec<Reading> {
    let (wanted, bom_bytes) = encoding_of(head, layout.encoding);
    let text = decode_all(&head[bom_bytes..head.len().min(TRIED_BYTES)], encoding);
    let mut readings = Vec::new();
    let quotes = [Quote::Double, Quote::Disabled, Quote::Other(b'\'')];
    for quote in others_after(layout.quote, quotes) {
        let is_changed = [encoding != wanted, quote.byte() != layout.quote.byte()];
        let layout = FileLayout {
            encoding: Some(encoding),
            quote,
            ..layout.clone()
        };
        let base = Plan::new(head, &layout, names);
        for delimiter in others_after(base.dialect.delimiter, DELIMITERS) {
            let mut plan = base;
            plan.dialect.delimiter = delimiter;
            let changes = is_changed.into_iter().map(usize::from).sum::<usize>()
                + usize::from(delimiter != base.dialect.delimiter);
            let reading = |row: Option<u64>, columns: Vec<String>| Reading {
                rank: (
                    names.len() - missing(names, &columns).len(),
                    Reverse(changes + usize::from(row.is_some())),
                ),
                layout: layout.clone(),
                plan,
                row,
                columns,
            };
            readings.push(reading(None, heading_of(&plan, &text, &layout.heading)));
            readings.extend(
                first_rows(&plan, &text)
                    .into_iter()
                    .map(|(row, columns)| reading(Some(row), columns)),
            );
        }
    }
    readings
}

/// `first`, and each of `all` that is another.
fn others_after<T: PartialEq + Copy, const N: usize>(
    first: T,
    all: [T; N],
) -> impl Iterator<Item = T> {
    std::iter::once(first).chain(all.into_iter().filter(move |other| *other != first))
}

/// The columns of a heading; none if there is no heading.
pub fn heading_of(plan: &Plan, text: &[u8], heading: &Heading) -> Vec<String> {
    let found = plan
        .records_of_head(text)
        .and_then(|mut records| records.find_heading(heading));
    match found {
        Ok(FoundHeading::Columns(columns)) => columns,
        _ => Vec::new(),
    }
}

fn first_rows(plan: &Plan, text: &[u8]) -> Vec<(u64, Vec<String>)> {
    let mut rows = Vec::new();
    let Ok(mut records) = plan.records_of_head(text) else {
        return rows;
    };
    for _ in 0..ROWS {
        let Ok(Some(record)) = records.next() else {
            break;
        };
        rows.push((records.row(), columns_of(record.cells)));
    }
    rows
}

impl Reading {
    /// The setting that leads to the heading in `row`: the one that the layout uses, if it can, and otherwise the one
    /// that does not depend on the length of a preamble.
    fn heading_setting(&self, head: &[u8], row: u64, names: &[&str]) -> (Heading, String) {
        if let (Heading::AfterLines(_), Ok(above)) = (&self.layout.heading, u32::try_from(row - 1))
        {
            let text = decode_all(&head[self.plan.bom_bytes..], self.plan.encoding);
            let heading = Heading::AfterLines(above);
            if heading_of(&self.plan, &text, &heading) == self.columns {
                return (heading, format!("skip_lines = {above}"));
            }
        }
        let marks = marks(names, &self.columns);
        let setting = format!("header_contains = {marks:?}");
        (Heading::Contains(marks), setting)
    }

    /// Names what is not as the layout has it, and the settings that say so.
    pub fn explain(
        &self,
        head: &[u8],
        layout: &FileLayout,
        plan: &Plan,
        missing: &[&str],
        names: &[&str],
    ) -> Diagnosis {
        let mut reasons = Vec::new();
        let mut settings = Vec::new();
        if self.plan.encoding != plan.encoding {
            let (name, label) = names_of(self.plan.encoding);
            reasons.push(format!("the file is {name}"));
            settings.push(format!("encoding = {label:?}"));
        }
        let mut fixed = FileLayout {
            delimiter: None,
            ..self.layout.clone()
        };
        if let Some(row) = self.row {
            let (heading, setting) = self.heading_setting(head, row, names);
            reasons.push(format!("the heading is in row {row}"));
            settings.push(setting);
            fixed.heading = heading;
        }
        let delimiter = self.plan.dialect.delimiter;
        let is_detected = Plan::new(head, &fixed, names).dialect.delimiter == delimiter;
        if layout.delimiter.is_some_and(|wanted| wanted != delimiter)
            || (layout.delimiter.is_none() && !is_detected)
        {
            let delimiter = char::from(delimiter).to_string();
            reasons.push(format!(
                "its cells are separated by {}",
                if delimiter == "\t" { "TAB" } else { &delimiter }
            ));
            settings.push(format!("delimiter = {delimiter:?}"));
        }
        if self.layout.quote.byte() != layout.quote.byte() {
            let quote = self
                .layout
                .quote
                .byte()
                .map_or_else(String::new, |byte| char::from(byte).to_string());
            reasons.push(if quote.is_empty() {
                "its cells are not quoted".to_owned()
            } else {
                format!("its cells are quoted by {quote}")
            });
            settings.push(format!("quote = {quote:?}"));
        }
        Diagnosis::of_settings(missing, reasons, settings)
    }
}
