//! The top-level keys that say how a file is laid out, and how its numbers are written. Read into the `files` module's
//! [`FileLayout`] and into [`NumberFormat`].

use std::sync::Arc;

use super::document::{Faults, Section};
use super::field::word_of;
use crate::files::{FileLayout, Heading, Quote, encoding_for};
use crate::values::NumberFormat;

/// The encoding, delimiter, quote, heading and sheet.
pub fn file_layout(root: &Section<'_>, faults: &mut Faults<'_>) -> FileLayout {
    FileLayout {
        encoding: encoding(root, faults),
        delimiter: delimiter(root, faults),
        quote: quote(root, faults),
        heading: heading(root, faults),
        is_ragged: root.flag("ragged", faults).unwrap_or(false),
        sheet: root
            .text("sheet", faults)
            .map(|sheet| Arc::from(sheet.value)),
        ..FileLayout::default()
    }
}

/// The words that count as blank, in small letters.
pub fn null_words(root: &Section<'_>, faults: &mut Faults<'_>) -> Vec<String> {
    let texts = root.texts("null", faults).unwrap_or_default();
    texts.iter().map(|text| word_of(text.value)).collect()
}

/// The signs in numbers.
pub fn number_format(root: &Section<'_>, faults: &mut Faults<'_>) -> NumberFormat {
    let decimal = match root.text("decimal", faults).map(|text| text.value) {
        None | Some(".") => '.',
        Some(",") => ',',
        Some(_) => {
            faults.add_at_key(root, "decimal", "must be \".\" or \",\"");
            '.'
        }
    };
    let thousands = match root.text("thousands", faults).map(|text| text.value) {
        None => None,
        Some(sign) => match NumberFormat::thousands_sign(sign) {
            Some(sign) if sign == decimal => {
                let message = format!(
                    "must not be {sign:?}, which is the decimal sign; set decimal = {:?} too if amounts look like {}",
                    if sign == '.' { "," } else { "." },
                    if sign == '.' { "1.234,50" } else { "1,234.50" },
                );
                faults.add_at_key(root, "thousands", &message);
                None
            }
            Some(sign) => Some(sign),
            None => {
                let message = "must be one of \",\" \".\" \"'\" and \" \"";
                faults.add_at_key(root, "thousands", message);
                None
            }
        },
    };
    NumberFormat { decimal, thousands }
}

fn encoding(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<&'static encoding_rs::Encoding> {
    let label = root.text("encoding", faults)?;
    encoding_for(label.value)
        .map_err(|error| faults.add(&label.span, error.to_string()))
        .ok()
}

fn delimiter(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<u8> {
    let text = root.text("delimiter", faults)?;
    let byte = one_sign(text.value).filter(|byte| *byte != b'"');
    if byte.is_none() {
        let message = "must be one ASCII character, such as \";\" or \"\\t\"";
        faults.add(&text.span, format!("delimiter {message}"));
    }
    byte
}

fn quote(root: &Section<'_>, faults: &mut Faults<'_>) -> Quote {
    let Some(text) = root.text("quote", faults) else {
        return Quote::default();
    };
    let delimiter = root
        .value("delimiter")
        .and_then(|value| value.get_ref().as_str());
    match one_sign(text.value) {
        _ if text.value.is_empty() => Quote::Disabled,
        Some(b'"') => Quote::Double,
        Some(byte) if delimiter != Some(text.value) => Quote::Other(byte),
        _ => {
            let message = "must be one ASCII character that is not the delimiter, or \"\" for none";
            faults.add(&text.span, format!("quote {message}"));
            Quote::default()
        }
    }
}

fn one_sign(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
        _ => None,
    }
}

fn heading(root: &Section<'_>, faults: &mut Faults<'_>) -> Heading {
    if root.has("skip_lines") && root.has("header_contains") {
        let message = "cannot stand beside skip_lines: both say which row is the heading";
        faults.add_at_key(root, "header_contains", message);
    }
    if let Some(cells) = root.texts("header_contains", faults) {
        return Heading::Contains(cells.iter().map(|cell| cell.value.to_owned()).collect());
    }
    match root.number("skip_lines", faults) {
        None | Some(0) => Heading::First,
        Some(lines) => Heading::AfterLines(lines),
    }
}
