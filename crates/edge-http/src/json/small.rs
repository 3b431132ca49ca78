//! Small bodies: the filter of a replay, and the body of a request that needs none.

use std::borrow::Cow;

use domain::{Fault, Given};

use super::fields::{Scalar, scalar, unknown_field, wrong_type};
use super::reader::{Kind, Malformed, Reader};

/// Which dead letters are meant.
#[derive(Debug, Default)]
pub(crate) struct DeadLetterFilter<'a> {
    pub(crate) user_id: Given<Cow<'a, str>>,
    pub(crate) code: Given<Cow<'a, str>>,
}

/// Reads `{"user_id": ..., "code": ...}`.
pub(crate) fn read_dead_letter_filter<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<DeadLetterFilter<'a>, Malformed> {
    let mut filter = DeadLetterFilter::default();
    if reader.peek()? != Kind::Object {
        wrong_type(reader, "", "an object", faults)?;
        return Ok(filter);
    }
    reader.members(|reader, key| {
        match key {
            "user_id" => filter.user_id = scalar(reader, "/user_id", Scalar::Text, faults)?,
            "code" => filter.code = scalar(reader, "/code", Scalar::Text, faults)?,
            key => {
                faults.push(unknown(key, &["user_id", "code"]));
                reader.skip()?;
            }
        }
        Ok(())
    })?;
    Ok(filter)
}

/// Accepts an empty body, or an empty object.
pub(crate) fn read_nothing(bytes: &[u8], faults: &mut Vec<Fault>) -> Result<(), Malformed> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(bytes)?;
    if reader.peek()? == Kind::Object {
        reader.members(|reader, key| {
            faults.push(unknown(key, &[]));
            reader.skip()
        })?;
    } else {
        wrong_type(&mut reader, "", "empty, or an empty object", faults)?;
    }
    reader.finish()
}

fn unknown(key: &str, known: &[&'static str]) -> Fault {
    unknown_field(key, known.iter().copied(), "a field of this request")
}
