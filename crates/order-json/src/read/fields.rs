//! The fields of an object as clients send it: each known field at most once, with a value of its type. A value of the
//! wrong type becomes a fault with a JSON pointer; a valid field costs no allocation.
//!
//! Orders, lines, adjustments and commands are read with it; it knows nothing of what a field means.

use std::borrow::Cow;
use std::collections::HashSet;

use domain::{Fault, Given};

use crate::nearest::unknown_among;
use crate::reader::{Malformed, Reader, ValueType};

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

/// What a field may hold, beside null. It is kept as its text, so that no digit is lost.
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

/// The fields of one object while it is read.
#[derive(Debug)]
pub(super) struct Fields<'a, 'f> {
    seen: u16,
    /// The keys that are no field of the object.
    unknown: HashSet<Cow<'a, str>>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// The fields of an object whose faults are added to `faults`.
    pub(super) fn new(faults: &'f mut Vec<Fault>) -> Self {
        Self {
            seen: 0,
            unknown: HashSet::new(),
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
        let faults = self.once(reader, field)?;
        scalar(reader, field.pointer, wanted, faults)
    }

    /// Reads a field that is true or false.
    pub(super) fn boolean(
        &mut self,
        reader: &mut Reader<'a>,
        field: Field,
    ) -> Result<Given<bool>, Malformed> {
        let faults = self.once(reader, field)?;
        let wanted = (ValueType::Boolean, "true or false");
        match enter(reader, field.pointer, wanted, faults)? {
            Some(other) => Ok(other),
            None => reader.boolean().map(Given::Value),
        }
    }

    /// Notes that a field has come, and returns the list for its faults. Fails if it came before.
    pub(super) fn once(
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
    pub(super) fn unknown(
        &mut self,
        reader: &mut Reader<'a>,
        key: Cow<'a, str>,
        fault: impl FnOnce(&str) -> Fault,
    ) -> Result<(), Malformed> {
        if self.unknown.contains(&key) {
            return Err(reader.duplicate(&key));
        }
        push(self.faults, || fault(&key));
        self.unknown.insert(key);
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
        (ValueType::Null, _) => reader.null().map(|()| Given::Missing),
        (ValueType::Text, Scalar::Text | Scalar::Decimal) => reader.text().map(Given::Value),
        (ValueType::Number, Scalar::Decimal) => reader
            .number()
            .map(|text| Given::Value(Cow::Borrowed(text))),
        (ValueType::Object | ValueType::Array | ValueType::Number | ValueType::Boolean, _) => {
            wrong_type(reader, pointer, wanted.name(), faults).map(|()| Given::Faulty)
        }
    }
}

/// Checks that the next value is `wanted`, called `expected` in a fault, without reading it. Returns what was given
/// instead: null, or a value of another type, which is skipped.
pub(super) fn enter<'a, T>(
    reader: &mut Reader<'a>,
    pointer: &str,
    (wanted, expected): (ValueType, &str),
    faults: &mut Vec<Fault>,
) -> Result<Option<Given<T>>, Malformed> {
    match reader.peek()? {
        kind if kind == wanted => Ok(None),
        ValueType::Null => reader.null().map(|()| Some(Given::Missing)),
        ValueType::Object
        | ValueType::Array
        | ValueType::Text
        | ValueType::Number
        | ValueType::Boolean => {
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

/// The most faults that are worth listing for one body. One more is kept, so that a caller knows that there are more.
pub const MAX_FAULTS: usize = 1000;

/// Adds a fault, unless there are more than [`MAX_FAULTS`] already.
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
