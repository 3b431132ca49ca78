//! A field: the columns, template or fixed value that a text comes from, and what is done with the text. Every section of
//! the mapping uses it; `orders::cells` reads fields out of rows.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::columns::{ColumnNames, ColumnRef};
use super::document::{Faults, Section, Text, table_of, text_of, texts_of};

/// How a map and a filter name any text that is not blank.
pub const NOT_BLANK: &str = "not blank";

/// A text of an order or a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// What it is read from.
    pub origin: Origin,
    /// What is done with the text.
    pub edits: Edits,
}

/// What a text is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The same for every order.
    Value(String),
    /// The first of these columns that is not blank.
    Columns(Vec<ColumnRef>),
    /// Several columns joined.
    Template(Vec<Piece>),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Columns(Vec::new())
    }
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// A column's text.
    Column(ColumnRef),
}

/// What is done with a text, in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// The first that fits is cut off.
    pub strip_prefix: Vec<String>,
    /// The first that fits is cut off.
    pub strip_suffix: Vec<String>,
    /// Letters to capital or small ones.
    pub case: Option<Case>,
    /// Words to texts; the words in small letters.
    pub map: BTreeMap<String, String>,
    /// The text for a word that `map` lacks.
    pub otherwise: Option<String>,
    /// The text if all rows of the order are blank.
    pub when_empty: Option<String>,
}

impl Edits {
    /// Whether the text stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which letters a text gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Capital ones.
    Upper,
    /// Small ones.
    Lower,
}

impl Field {
    /// A text that is the same for every order.
    pub fn fixed(value: &str) -> Self {
        Self {
            origin: Origin::Value(value.to_owned()),
            edits: Edits::default(),
        }
    }

    /// The columns that the field reads.
    pub fn columns(&self) -> Vec<ColumnRef> {
        match &self.origin {
            Origin::Value(_) => Vec::new(),
            Origin::Columns(columns) => columns.clone(),
            Origin::Template(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Column(column) => Some(*column),
                    Piece::Text(_) => None,
                })
                .collect(),
        }
    }
}

/// Reads fields, and interns the columns that they name.
pub struct FieldReader<'a, 't> {
    /// Where faults go.
    pub faults: &'a mut Faults<'t>,
    /// Where columns go.
    pub columns: &'a mut ColumnNames,
}

/// The keys of an origin.
pub const ORIGIN_KEYS: [&str; 3] = ["column", "columns", "template"];
/// The keys of edits that concern the text itself.
const STRIP_KEYS: [&str; 3] = ["strip_prefix", "strip_suffix", "case"];
/// All keys of a field's table.
pub const FIELD_KEYS: [&str; 10] = [
    "column",
    "columns",
    "template",
    "value",
    "strip_prefix",
    "strip_suffix",
    "case",
    "map",
    "otherwise",
    "when_empty",
];

impl FieldReader<'_, '_> {
    /// A field that may be missing.
    pub fn field(&mut self, section: &Section<'_>, key: &str) -> Option<Field> {
        let value = section.value(key)?;
        self.field_of(&section.path(key), value)
    }

    /// A field that must be there.
    pub fn required(&mut self, section: &Section<'_>, key: &str) -> Field {
        if !section.has(key) {
            self.faults.add_at_key(section, key, "is required");
        }
        self.field(section, key).unwrap_or_default()
    }

    /// The field that a value describes.
    pub fn field_of(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Field> {
        match value.get_ref() {
            DeValue::String(_) | DeValue::Array(_) => {
                let names = texts_of(name, value, self.faults)?;
                let columns = self.intern_all(name, &names);
                Some(Field {
                    origin: Origin::Columns(columns),
                    edits: Edits::default(),
                })
            }
            DeValue::Table(_) => self.table(&table_of(name.to_owned(), value)?),
            _ => {
                self.faults.add(
                    &value.span(),
                    format!("{name} must be a column in quotes, a list of columns, or a table"),
                );
                None
            }
        }
    }

    fn table(&mut self, section: &Section<'_>) -> Option<Field> {
        section.refuse_unknown(&FIELD_KEYS, self.faults);
        if !section.has("value") {
            let origin = self.origin(section, "column, columns, template and value")?;
            let edits = self.edits(section);
            return Some(Field { origin, edits });
        }
        let alone = FIELD_KEYS
            .iter()
            .all(|key| *key == "value" || !section.has(key));
        if !alone {
            self.faults
                .add_at_key(section, "value", "stands alone: remove the other keys");
        }
        let value = section.text("value", self.faults)?;
        Some(Field::fixed(value.value))
    }

    /// The origin of a table that has exactly one of the keys for it; `choices` names them.
    pub fn origin(&mut self, section: &Section<'_>, choices: &str) -> Option<Origin> {
        let given: Vec<&str> = ORIGIN_KEYS
            .into_iter()
            .filter(|key| section.has(key))
            .collect();
        let [key] = given[..] else {
            self.faults.add(
                section.span(),
                format!("{} needs exactly one of {choices}", section.name()),
            );
            return None;
        };
        match key {
            "column" => {
                let name = section.text(key, self.faults)?;
                let columns = self.intern_all(&section.path(key), &[name]);
                Some(Origin::Columns(columns))
            }
            "columns" => {
                let names = section.texts(key, self.faults)?;
                let columns = self.intern_all(&section.path(key), &names);
                Some(Origin::Columns(columns))
            }
            _ => self.template(section, key),
        }
    }

    /// `strip_prefix`, `strip_suffix` and `case` alone.
    pub fn strips(&mut self, section: &Section<'_>) -> Edits {
        let texts = |found: Option<Vec<Text<'_>>>| -> Vec<String> {
            let found = found.unwrap_or_default();
            found.iter().map(|text| text.value.to_owned()).collect()
        };
        Edits {
            strip_prefix: texts(section.texts(STRIP_KEYS[0], self.faults)),
            strip_suffix: texts(section.texts(STRIP_KEYS[1], self.faults)),
            case: self.case(section),
            ..Edits::default()
        }
    }

    fn edits(&mut self, section: &Section<'_>) -> Edits {
        let owned = |text: Option<Text<'_>>| text.map(|text| text.value.to_owned());
        let edits = Edits {
            map: self.map(section),
            otherwise: owned(section.text("otherwise", self.faults)),
            when_empty: owned(section.text("when_empty", self.faults)),
            ..self.strips(section)
        };
        if edits.otherwise.is_some() && !section.has("map") {
            self.faults
                .add_at_key(section, "otherwise", "needs a map beside it");
        }
        edits
    }

    fn case(&mut self, section: &Section<'_>) -> Option<Case> {
        match section.text("case", self.faults)?.value {
            "upper" => Some(Case::Upper),
            "lower" => Some(Case::Lower),
            _ => {
                self.faults
                    .add_at_key(section, "case", "must be \"upper\" or \"lower\"");
                None
            }
        }
    }

    fn map(&mut self, section: &Section<'_>) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let Some(table) = section.section("map", self.faults) else {
            return map;
        };
        for (word, value) in table.entries() {
            let Some(text) = text_of(value) else {
                let message = format!("{} must be a text in quotes", table.path(word.value));
                self.faults.add(&value.span(), message);
                continue;
            };
            if map
                .insert(word_of(word.value), text.value.to_owned())
                .is_some()
            {
                let message = format!("{} comes twice", table.path(word.value));
                self.faults.add(&word.span, message);
            }
        }
        map
    }

    fn intern_all(&mut self, name: &str, texts: &[Text<'_>]) -> Vec<ColumnRef> {
        texts
            .iter()
            .map(|text| {
                if text.value.trim().is_empty() {
                    self.faults
                        .add(&text.span, format!("{name} names a column without a name"));
                }
                self.columns.intern(text.value)
            })
            .collect()
    }

    fn template(&mut self, section: &Section<'_>, key: &str) -> Option<Origin> {
        let text = section.text(key, self.faults)?;
        let pieces = self.pieces(text.value);
        match pieces {
            Some(pieces) if pieces.iter().any(|piece| matches!(piece, Piece::Column(_))) => {
                Some(Origin::Template(pieces))
            }
            _ => {
                let message = "must name at least one column in braces, as in \"{First name} {Last name}\"; \
                               a brace itself is written twice";
                self.faults.add_at_key(section, key, message);
                None
            }
        }
    }

    /// The parts of a template; nothing if a brace is not closed.
    fn pieces(&mut self, template: &str) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = rest.split_once('}').filter(|_| brace == "{")?;
            if name.trim().is_empty() || name.contains('{') {
                return None;
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Column(self.columns.intern(name)));
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Some(pieces)
    }
}

/// A word as maps and filters compare it: trimmed, in small letters.
pub fn word_of(text: &str) -> String {
    text.trim().to_lowercase()
}
