//! The bodies of commands: why one order is changed, and which dead letters a command is for.

use std::borrow::Cow;

use domain::{Fault, Given, Reason};

use super::fields::{Field, Fields, Scalar, unknown_field, wrong_type};
use crate::reader::{Malformed, Reader, ValueType};

const REASON: Field = Field::new(0, "/reason");
const USER_ID: Field = Field::new(1, "/user_id");
const CODE: Field = Field::new(2, "/code");

/// The dead letters that a command is for, and why it is given.
#[derive(Debug, Default)]
pub struct DeadLetterCommand<'a> {
    /// Only those of this user.
    pub user_id: Given<Cow<'a, str>>,
    /// Only those with this failure code.
    pub code: Given<Cow<'a, str>>,
    /// Why the command is given; checked.
    pub reason: Option<Reason>,
}

/// Reads `{"user_id": ..., "code": ..., "reason": ...}`, all optional. What is wrong is added to `faults`.
///
/// # Errors
/// If the text is not JSON.
pub fn read_dead_letter_command<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<DeadLetterCommand<'a>, Malformed> {
    const NAMES: [&str; 3] = ["user_id", "code", "reason"];
    let mut command = DeadLetterCommand::default();
    if reader.peek()? != ValueType::Object {
        wrong_type(reader, "", "an object", faults)?;
        return Ok(command);
    }
    let mut reason = Given::Missing;
    let mut fields = Fields::new(faults);
    reader.object(|reader, key| {
        match &*key {
            "user_id" => command.user_id = fields.scalar(reader, USER_ID, Scalar::Text)?,
            "code" => command.code = fields.scalar(reader, CODE, Scalar::Text)?,
            "reason" => reason = fields.scalar(reader, REASON, Scalar::Text)?,
            _ => fields.unknown(reader, key, |key| unknown(key, &NAMES))?,
        }
        Ok(())
    })?;
    command.reason = check_reason(reason, faults);
    Ok(command)
}

/// Reads the body of a command on one order: nothing, or `{"reason": ...}`. What is wrong is added to `faults`.
///
/// # Errors
/// If the text is neither empty nor JSON.
pub fn read_reason(bytes: &[u8], faults: &mut Vec<Fault>) -> Result<Option<Reason>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader::new(bytes)?;
    let mut reason = Given::Missing;
    if reader.peek()? == ValueType::Object {
        let mut fields = Fields::new(faults);
        reader.object(|reader, key| {
            match &*key {
                "reason" => reason = fields.scalar(reader, REASON, Scalar::Text)?,
                _ => fields.unknown(reader, key, |key| unknown(key, &["reason"]))?,
            }
            Ok(())
        })?;
    } else {
        wrong_type(&mut reader, "", "empty, or an object", faults)?;
    }
    reader.finish()?;
    Ok(check_reason(reason, faults))
}

fn check_reason(given: Given<Cow<'_, str>>, faults: &mut Vec<Fault>) -> Option<Reason> {
    let text = given.value()?;
    Reason::new(&text)
        .map_err(|error| faults.push(Fault::new("/reason", error.code(), error.to_string())))
        .ok()
}

fn unknown(key: &str, known: &[&'static str]) -> Fault {
    unknown_field(key, known.iter().copied(), "a field of this request")
}
