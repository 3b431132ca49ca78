//! Strict reading of a TOML document: each value has the wanted type or is a fault with its line, each unknown key is a
//! fault with the nearest known one, and reading goes on, so that all faults are found at once. The parsers of the
//! mapping's sections call it. It knows no key of its own.

use std::fmt;
use std::ops::Range;

use order_json::did_you_mean;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFault {
    /// The 1-based line.
    pub line: usize,
    /// A sentence that names the key and the remedy.
    pub message: String,
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Collects the faults of one document.
pub struct Faults<'t> {
    text: &'t str,
    found: Vec<MappingFault>,
}

/// A table of the document, with the name that faults give it.
#[derive(Debug, Clone)]
pub struct Section<'t> {
    name: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
}

/// A text with its position.
#[derive(Debug, Clone)]
pub struct Text<'t> {
    /// The text.
    pub value: &'t str,
    /// Its bytes in the document.
    pub span: Range<usize>,
}

impl<'t> Faults<'t> {
    /// No faults yet.
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Adds a fault at a position.
    pub fn add(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let start = span.start.min(self.text.len());
        let line = self.text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        self.found.push(MappingFault {
            line,
            message: message.into(),
        });
    }

    /// Adds a fault of a section's key: `order.user_id is ...`.
    pub fn add_at_key(&mut self, section: &Section<'_>, key: &str, message: &str) {
        let span = section.span_of(key);
        self.add(&span, format!("{} {message}", section.path(key)));
    }

    /// All faults, by line.
    pub fn finish(mut self) -> Vec<MappingFault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found.dedup();
        self.found
    }

    /// Whether nothing was found.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn wrong_type(&mut self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.add(
            &value.span(),
            format!("{name} must be {wanted}, not {found}"),
        );
    }
}

impl<'t> Section<'t> {
    /// The whole document.
    pub fn root(table: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            name: String::new(),
            span: 0..0,
            table: table.get_ref(),
        }
    }

    /// How a fault names a key of the section.
    pub fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    /// How a fault names the section.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The section's position.
    pub const fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The position of a key's value, or of the section if it lacks the key.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.get(key)
            .map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Whether the section has the key.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table
            .iter()
            .find(|(own, _)| own.get_ref().as_ref() == key)
            .map(|(_, value)| value)
    }

    /// All keys with their values, for tables with names of the user's own.
    pub fn entries(&self) -> impl Iterator<Item = (Text<'t>, &'t Spanned<DeValue<'t>>)> + use<'t> {
        self.table.iter().map(|(key, value)| {
            let key = Text {
                value: key.get_ref().as_ref(),
                span: key.span(),
            };
            (key, value)
        })
    }

    /// Adds a fault for each key that is not in `known`.
    pub fn refuse_unknown(&self, known: &[&str], faults: &mut Faults<'_>) {
        for (key, _) in self.entries() {
            if !known.contains(&key.value) {
                let hint = did_you_mean(key.value, known.iter().copied());
                faults.add(
                    &key.span,
                    format!("{} is not a known key{hint}", self.path(key.value)),
                );
            }
        }
    }

    /// A text.
    pub fn text(&self, key: &str, faults: &mut Faults<'_>) -> Option<Text<'t>> {
        let value = self.get(key)?;
        let text = text_of(value);
        if text.is_none() {
            faults.wrong_type(&self.path(key), value, "a text in quotes");
        }
        text
    }

    /// A text, or a list of at least one.
    pub fn texts(&self, key: &str, faults: &mut Faults<'_>) -> Option<Vec<Text<'t>>> {
        texts_of(&self.path(key), self.get(key)?, faults)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, faults: &mut Faults<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            faults.wrong_type(&self.path(key), value, "true or false");
        }
        flag
    }

    /// A whole number.
    pub fn number<N: std::str::FromStr>(&self, key: &str, faults: &mut Faults<'_>) -> Option<N> {
        let value = self.get(key)?;
        let number = match value.get_ref().as_integer() {
            Some(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            let message = format!("{} must be a whole number, such as 3", self.path(key));
            faults.add(&value.span(), message);
        }
        number
    }

    /// A table.
    pub fn section(&self, key: &str, faults: &mut Faults<'_>) -> Option<Section<'t>> {
        let value = self.get(key)?;
        let section = table_of(self.path(key), value);
        if section.is_none() {
            faults.wrong_type(&self.path(key), value, "a table");
        }
        section
    }

    /// A list of tables (`[[key]]`), or one table; empty if the key is missing.
    pub fn sections(&self, key: &str, faults: &mut Faults<'_>) -> Vec<Section<'t>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            return self.section(key, faults).into_iter().collect();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let name = format!("{}[{}]", self.path(key), index + 1);
            match table_of(name.clone(), item) {
                Some(section) => sections.push(section),
                None => faults.wrong_type(&name, item, "a table"),
            }
        }
        sections
    }

    /// The value under a key, whatever its type.
    pub fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.get(key)
    }
}

/// The value as a text, if it is one.
pub fn text_of<'t>(value: &'t Spanned<DeValue<'t>>) -> Option<Text<'t>> {
    let text = value.get_ref().as_str()?;
    Some(Text {
        value: text,
        span: value.span(),
    })
}

/// The value as a list of at least one text; a text alone is a list of one.
pub fn texts_of<'t>(
    name: &str,
    value: &'t Spanned<DeValue<'t>>,
    faults: &mut Faults<'_>,
) -> Option<Vec<Text<'t>>> {
    let list = match value.get_ref() {
        DeValue::String(_) => text_of(value).map(|text| vec![text]),
        DeValue::Array(items) => items.iter().map(text_of).collect(),
        _ => None,
    };
    if list.as_ref().is_none_or(Vec::is_empty) {
        faults.add(
            &value.span(),
            format!("{name} must be a text in quotes, or a list of at least one"),
        );
        return None;
    }
    list
}

/// The value as a table, if it is one.
pub fn table_of<'t>(name: String, value: &'t Spanned<DeValue<'t>>) -> Option<Section<'t>> {
    let table = value.get_ref().as_table()?;
    Some(Section {
        name,
        span: value.span(),
        table,
    })
}
