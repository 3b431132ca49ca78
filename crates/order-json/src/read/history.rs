//! What a row of a batch says of an order of the past: `{"status": ..., "created_at": ...}`.
//!
//! `order` reads it; edges check it with [`HistoryInput::check`].

use std::borrow::Cow;

use domain::{Fault, Given, History, HistoryStatus, Timestamp};

use super::fields::{Field, Fields, Scalar, enter, unknown_field};
use crate::reader::{Malformed, Reader, ValueType};

const NAMES: [&str; 2] = ["status", "created_at"];

const STATUS: Field = Field::new(0, "/history/status");
const CREATED_AT: Field = Field::new(1, "/history/created_at");

/// The fields as they were read. Both are required.
#[derive(Debug, Default)]
pub struct HistoryInput<'a> {
    /// How the order ended: `PROCESSED` or `CANCELLED`.
    pub status: Given<Cow<'a, str>>,
    /// When it was made: RFC 3339, not in the future.
    pub created_at: Given<Cow<'a, str>>,
}

/// Reads the object at `/history`.
pub(super) fn read_history<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<Given<HistoryInput<'a>>, Malformed> {
    if let Some(other) = enter(reader, "/history", (ValueType::Object, "an object"), faults)? {
        return Ok(other);
    }
    let mut input = HistoryInput::default();
    let mut fields = Fields::new(faults);
    reader.object(|reader, key| {
        match &*key {
            "status" => input.status = fields.scalar(reader, STATUS, Scalar::Text)?,
            "created_at" => input.created_at = fields.scalar(reader, CREATED_AT, Scalar::Text)?,
            _ => fields.unknown(reader, key, |key| {
                let fault = unknown_field(key, NAMES.into_iter(), "a field of history");
                Fault {
                    pointer: format!("/history{}", fault.pointer),
                    ..fault
                }
            })?,
        }
        Ok(())
    })?;
    Ok(Given::Value(input))
}

impl HistoryInput<'_> {
    /// The history that the fields describe; `None` if any of them has a fault, which is added to `faults`. That it does
    /// not lie in the future is checked when the order is placed.
    pub fn check(self, faults: &mut Vec<Fault>) -> Option<History> {
        let status = required(self.status, "/history/status", faults)
            .and_then(|name| check_status(&name, faults));
        let created_at = required(self.created_at, "/history/created_at", faults)
            .and_then(|text| check_time(&text, faults));
        Some(History {
            created_at: created_at?,
            status: status?,
        })
    }
}

fn required<T>(given: Given<T>, pointer: &str, faults: &mut Vec<Fault>) -> Option<T> {
    if matches!(given, Given::Missing) {
        faults.push(Fault::new(pointer, "required", "is required"));
    }
    given.value()
}

fn check_status(name: &str, faults: &mut Vec<Fault>) -> Option<HistoryStatus> {
    let known = [HistoryStatus::Processed, HistoryStatus::Cancelled];
    let found = known
        .into_iter()
        .find(|known| known.status().as_str() == name);
    if found.is_none() {
        let detail = "must be PROCESSED or CANCELLED; an order that is still open is a new order: leave history out";
        faults.push(Fault::new("/history/status", "unknown_value", detail));
    }
    found
}

fn check_time(text: &str, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    const POINTER: &str = "/history/created_at";
    match Timestamp::parse(text) {
        Ok(time) => Some(time),
        Err(error) => {
            faults.push(Fault::new(POINTER, "invalid", error.to_string()));
            None
        }
    }
}
