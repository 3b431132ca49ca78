//! The fields of an object as clients send it: each known field at most once, with a value of its type. A value of the
//! wrong shape becomes a fault with a JSON pointer; a good field costs no allocation.
//!
//! Orders, lines, adjustments and small bodies are read with it; it knows nothing of what a field means.

use std::borrow::Cow;
use std::collections::HashSet;

use domain::{Fault, Given};

use super::reader::{Kind, Malformed, Reader};

/// A field that an object may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its own number among the fields of the object, below 16.
    number: u16,
    /// The JSON pointer of its faults.
    pointer: &'static str,
}

impl Field {
    /// The field with the name behind the last slash of `pointer`.
    pub(super) const fn new(number: u16, pointer: &'static str) -> Self {
        Self { number, pointer }
    }

    fn name(self) -> &'static str {
        self.pointer.rsplit('/').next().unwrap_or_default()
    }
}

/// What a field may hold instead of null. It is kept as its text, so that no digit is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A string.
    Text,
    /// A number, or a decimal in a string.
    Decimal,
}

impl Scalar {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Decimal => "a number",
        }
    }
}

/// The fields of one object as they come.
#[derive(Debug)]
pub(super) struct Fields<'a, 'f> {
    seen: u16,
    strangers: HashSet<Cow<'a, str>>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// The fields of an object whose faults are added to `faults`.
    pub(super) fn new(faults: &'f mut Vec<Fault>) -> Self {
        Self {
            seen: 0,
            strangers: HashSet::new(),
            faults,
        }
    }

    /// Reads a field of one value.
    pub(super) fn scalar(
        &mut self,
        reader: &mut Reader<'a>,
        field: Field,
        wanted: Scalar,
    ) -> Result<Given<Cow<'a, str>>, Malformed> {
        let faults = self.first(reader, field)?;
        scalar(reader, field.pointer, wanted, faults)
    }

    /// Reads a field that is true or false.
    pub(super) fn boolean(
        &mut self,
        reader: &mut Reader<'a>,
        field: Field,
    ) -> Result<Given<bool>, Malformed> {
        let faults = self.first(reader, field)?;
        let wanted = (Kind::Boolean, "true or false");
        match enter(reader, field.pointer, wanted, faults)? {
            Some(other) => Ok(other),
            None => reader.boolean().map(Given::Value),
        }
    }

    /// Notes that a field has come, and returns the list for its faults.
    pub(super) fn first(
        &mut self,
        reader: &Reader<'_>,
        field: Field,
    ) -> Result<&mut Vec<Fault>, Malformed> {
        if self.seen & (1 << field.number) != 0 {
            return Err(reader.duplicate(field.name()));
        }
        self.seen |= 1 << field.number;
        Ok(self.faults)
    }

    /// Skips a field that the object does not have, and adds a fault for it.
    pub(super) fn stranger(
        &mut self,
        reader: &mut Reader<'a>,
        key: Cow<'a, str>,
        fault: impl FnOnce(&str) -> Fault,
    ) -> Result<(), Malformed> {
        if self.strangers.contains(&key) {
            return Err(reader.duplicate(&key));
        }
        push(self.faults, || fault(&key));
        self.strangers.insert(key);
        reader.skip()
    }
}

/// Reads one value of the wanted type; null is the same as a missing field.
pub(super) fn scalar<'a>(
    reader: &mut Reader<'a>,
    pointer: &str,
    wanted: Scalar,
    faults: &mut Vec<Fault>,
) -> Result<Given<Cow<'a, str>>, Malformed> {
    match (reader.peek()?, wanted) {
        (Kind::Null, _) => reader.null().map(|()| Given::Missing),
        (Kind::Text, Scalar::Text | Scalar::Decimal) => reader.text().map(Given::Value),
        (Kind::Number, Scalar::Decimal) => reader
            .number()
            .map(|text| Given::Value(Cow::Borrowed(text))),
        (Kind::Object | Kind::Array | Kind::Number | Kind::Boolean, _) => {
            wrong_type(reader, pointer, wanted.name(), faults).map(|()| Given::Faulty)
        }
    }
}

/// Checks that the next value is `wanted`, called `expected` in a fault, without reading it. Returns what was given
/// instead: null, or a value of another type, which is skipped.
pub(super) fn enter<'a, T>(
    reader: &mut Reader<'a>,
    pointer: &str,
    (wanted, expected): (Kind, &str),
    faults: &mut Vec<Fault>,
) -> Result<Option<Given<T>>, Malformed> {
    match reader.peek()? {
        kind if kind == wanted => Ok(None),
        Kind::Null => reader.null().map(|()| Some(Given::Missing)),
        Kind::Object | Kind::Array | Kind::Text | Kind::Number | Kind::Boolean => {
            wrong_type(reader, pointer, expected, faults).map(|()| Some(Given::Faulty))
        }
    }
}

/// Adds a fault for a value of another type and skips it.
pub(super) fn wrong_type(
    reader: &mut Reader<'_>,
    pointer: &str,
    expected: &str,
    faults: &mut Vec<Fault>,
) -> Result<(), Malformed> {
    let found = reader.peek()?;
    push(faults, || {
        let detail = format!("must be {expected}, not {}", found.name());
        Fault::new(pointer, "wrong_type", detail)
    });
    reader.skip()
}

/// The most faults that one answer lists; its detail has the number of all.
pub const MAX_FAULTS: usize = 1000;

/// Adds a fault, unless there are already more than an answer lists.
pub(super) fn push(faults: &mut Vec<Fault>, fault: impl FnOnce() -> Fault) {
    if faults.len() <= MAX_FAULTS {
        faults.push(fault());
    }
}

/// The fault of a field that is not `what`.
pub(super) fn unknown_field<'k>(
    key: &str,
    known: impl Iterator<Item = &'k str>,
    what: &str,
) -> Fault {
    let pointer = format!("/{}", segment(key));
    Fault::new(pointer, "unknown_field", unknown_among(key, known, what))
}

/// A key as a segment of a JSON pointer, cut after 100 characters.
pub(super) fn segment(key: &str) -> String {
    let shown: String = key.chars().take(100).collect();
    shown.replace('~', "~0").replace('/', "~1")
}

/// The sentence about a name that is not `what`, with the nearest known one if there is a similar one.
pub fn unknown_among<'k>(name: &str, known: impl Iterator<Item = &'k str>, what: &str) -> String {
    // A longer name is similar to none of ours; comparing it would only cost time.
    let nearest = (name.len() <= 64)
        .then(|| {
            known
                .map(|known| (strsim::damerau_levenshtein(name, known), known))
                .filter(|(distance, known)| *distance <= known.len() / 2)
                .min()
        })
        .flatten();
    match nearest {
        Some((_, nearest)) => format!("is not {what}; the nearest known one is {nearest}"),
        None => format!("is not {what}"),
    }
}
