//! The sections `[status]`, `[only]` and `[skip]`: which orders become what, and which rows count at all.

use std::collections::BTreeMap;

use super::columns::ColumnRef;
use super::document::{Section, text_of, texts_of};
use super::field::{Field, FieldReader, NOT_BLANK, word_of};

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// History that was carried out.
    Processed,
    /// History that was cancelled.
    Cancelled,
    /// A new order.
    Pending,
    /// It is left out.
    Skip,
}

/// One rule of `[status]`.
#[derive(Debug)]
pub struct StatusRule {
    /// The text that decides.
    pub field: Field,
    /// Words in small letters.
    pub map: BTreeMap<String, Fate>,
    /// For any text that is not blank.
    pub not_blank: Option<Fate>,
    /// For a blank text.
    pub when_empty: Option<Fate>,
    /// For a word that the map lacks.
    pub otherwise: Option<Fate>,
}

impl StatusRule {
    /// Whether an order can become history by it.
    pub fn makes_history(&self) -> bool {
        let others = [self.not_blank, self.when_empty, self.otherwise];
        let all = self
            .map
            .values()
            .copied()
            .chain(others.into_iter().flatten());
        all.into_iter()
            .any(|fate| matches!(fate, Fate::Processed | Fate::Cancelled))
    }

    /// What the text of an order decides; `Err` if the rule has no answer for a word.
    pub fn fate(&self, text: &str) -> Result<Option<Fate>, ()> {
        let word = word_of(text);
        if word.is_empty() {
            return Ok(self.when_empty);
        }
        let fate = self.map.get(&word).copied();
        match fate.or(self.not_blank).or(self.otherwise) {
            Some(fate) => Ok(Some(fate)),
            None => Err(()),
        }
    }
}

/// A column and the words that a filter looks for.
#[derive(Debug)]
pub struct RowFilter {
    /// The column.
    pub column: ColumnRef,
    /// Words in small letters; an empty one stands for a blank cell.
    pub words: Vec<String>,
    /// Whether any text that is not blank is meant.
    pub not_blank: bool,
}

impl RowFilter {
    /// Whether a cell's text has one of the words.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.trim();
        if self.not_blank && !text.is_empty() {
            return true;
        }
        let word = word_of(text);
        self.words.contains(&word)
    }
}

/// The keys of a `[status]`.
pub const STATUS_KEYS: [&str; 9] = [
    "column",
    "columns",
    "template",
    "strip_prefix",
    "strip_suffix",
    "case",
    "map",
    "when_empty",
    "otherwise",
];
const FATES: &str = "\"processed\", \"cancelled\", \"pending\" or \"skip\"";

/// Reads one rule.
pub fn status_rule(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Option<StatusRule> {
    section.refuse_unknown(&STATUS_KEYS, reader.faults);
    let origin = reader.origin(section, "column, columns and template");
    let edits = reader.strips(section);
    let (map, not_blank) = words(section, reader);
    let when_empty = fate(section, "when_empty", reader);
    let otherwise = fate(section, "otherwise", reader);
    Some(StatusRule {
        field: Field {
            origin: origin?,
            edits,
        },
        map,
        not_blank,
        when_empty,
        otherwise,
    })
}

/// Reads `[only]` or `[skip]`.
pub fn row_filters(
    root: &Section<'_>,
    key: &str,
    reader: &mut FieldReader<'_, '_>,
) -> Vec<RowFilter> {
    let Some(section) = root.section(key, reader.faults) else {
        return Vec::new();
    };
    let mut filters = Vec::new();
    for (column, value) in section.entries() {
        let Some(texts) = texts_of(&section.path(column.value), value, reader.faults) else {
            continue;
        };
        let words = texts.iter().map(|text| word_of(text.value));
        let (any, words): (Vec<_>, Vec<_>) = words.partition(|word| word == NOT_BLANK);
        filters.push(RowFilter {
            column: reader.columns.intern(column.value),
            words,
            not_blank: !any.is_empty(),
        });
    }
    filters
}

fn words(
    section: &Section<'_>,
    reader: &mut FieldReader<'_, '_>,
) -> (BTreeMap<String, Fate>, Option<Fate>) {
    let mut map = BTreeMap::new();
    if !section.has("map") {
        let message =
            format!("is required: it maps the column's words, or {NOT_BLANK:?}, to {FATES}");
        reader.faults.add_at_key(section, "map", &message);
    }
    let Some(table) = section.section("map", reader.faults) else {
        return (map, None);
    };
    for (word, value) in table.entries() {
        let found = text_of(value).and_then(|text| fate_of(text.value));
        let Some(fate) = found else {
            let message = format!("{} must be {FATES}", table.path(word.value));
            reader.faults.add(&value.span(), message);
            continue;
        };
        if map.insert(word_of(word.value), fate).is_some() {
            let message = format!("{} comes twice", table.path(word.value));
            reader.faults.add(&word.span, message);
        }
    }
    let not_blank = map.remove(NOT_BLANK);
    (map, not_blank)
}

fn fate(section: &Section<'_>, key: &str, reader: &mut FieldReader<'_, '_>) -> Option<Fate> {
    let fate = fate_of(section.text(key, reader.faults)?.value);
    if fate.is_none() {
        reader
            .faults
            .add_at_key(section, key, &format!("must be {FATES}"));
    }
    fate
}

fn fate_of(name: &str) -> Option<Fate> {
    match name {
        "processed" => Some(Fate::Processed),
        "cancelled" => Some(Fate::Cancelled),
        "pending" => Some(Fate::Pending),
        "skip" => Some(Fate::Skip),
        _ => None,
    }
}
