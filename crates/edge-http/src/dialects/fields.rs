//! A body as the dialects read it: one JSON object, of which some fields are known by name, without regard to case.
//! The last one of a name counts, null is as good as nothing, everything else is passed over.
//!
//! This is the hot path: it is the reader of `/v1` under other rules, and costs no allocation for a good order.

use order_json::{Malformed, MalformedReason, Reader, ValueType};
use std::borrow::Cow;

/// A field as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// Not there, or null.
    #[default]
    Missing,
    /// A string.
    Text(Cow<'a, str>),
    /// A number, as its text, so that no digit is lost.
    Number(&'a str),
    /// Something else, as its JSON.
    Other(&'a str),
}

/// The field is there, but not of the type that the dialect takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongType;

impl<'a> Field<'a> {
    /// The string, where there is one.
    pub(super) fn text(self) -> Result<Option<Cow<'a, str>>, WrongType> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Number(_) | Self::Other(_) => Err(WrongType),
        }
    }

    /// The text of the number, where there is one.
    pub(super) fn number(self) -> Result<Option<&'a str>, WrongType> {
        match self {
            Self::Missing => Ok(None),
            Self::Number(text) => Ok(Some(text)),
            Self::Text(_) | Self::Other(_) => Err(WrongType),
        }
    }
}

/// Reads the fields of these names.
pub(super) fn read<'a, const N: usize>(
    bytes: &'a [u8],
    names: [&str; N],
) -> Result<[Field<'a>; N], Malformed> {
    let mut fields = [const { Field::Missing }; N];
    let mut reader = Reader::new(bytes)?;
    match reader.peek()? {
        ValueType::Null => reader.null()?,
        ValueType::Object => reader.object(|reader, key| {
            let known = names.iter().position(|name| key.eq_ignore_ascii_case(name));
            let value = value(reader)?;
            if let (Some(place), false) = (known, value == Field::Missing) {
                fields[place] = value;
            }
            Ok(())
        })?,
        ValueType::Array | ValueType::Text | ValueType::Number | ValueType::Boolean => {
            return Err(reader.malformed(MalformedReason::Expected(
                "An order is an object; expected {",
            )));
        }
    }
    reader.finish()?;
    Ok(fields)
}

fn value<'a>(reader: &mut Reader<'a>) -> Result<Field<'a>, Malformed> {
    Ok(match reader.peek()? {
        ValueType::Text => Field::Text(reader.text()?),
        ValueType::Number => Field::Number(reader.number()?),
        ValueType::Null => {
            reader.null()?;
            Field::Missing
        }
        ValueType::Object | ValueType::Array | ValueType::Boolean => Field::Other(reader.raw()?),
    })
}

/// The members of an object as strings: what is no string is kept as its JSON, null is left out. `None` where `json`
/// is no object.
pub(super) fn pairs(json: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::new(json.as_bytes()).ok()?;
    if reader.peek().ok()? != ValueType::Object {
        return None;
    }
    let mut pairs = Vec::new();
    reader
        .object(|reader, key| {
            let value = match value(reader)? {
                Field::Missing => return Ok(()),
                Field::Text(text) => text.into_owned(),
                Field::Number(text) | Field::Other(text) => text.to_owned(),
            };
            pairs.push((key.into_owned(), value));
            Ok(())
        })
        .ok()?;
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::{Field, WrongType, pairs, read};

    #[test]
    fn names_match_without_case_and_the_last_one_counts() {
        let json = br#"{"USER_ID":"a","Amount":1.10,"user_id":"b","amount":null,"other":{"x":[1,{}],"x":2}}"#;
        let [user, amount, source] = read(json, ["user_id", "amount", "source"]).unwrap();
        assert_eq!(user.text().unwrap().as_deref(), Some("b"));
        assert_eq!(amount.number(), Ok(Some("1.10")));
        assert_eq!(source, Field::Missing);
        let [null] = read(b" null ", ["user_id"]).unwrap();
        assert_eq!(null, Field::Missing);
    }

    #[test]
    fn what_is_no_object_or_of_another_type_is_told() {
        for text in [
            "",
            "hello",
            "[]",
            "1",
            "\"x\"",
            "{} {}",
            "{\"a\":}",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert!(read(text.as_bytes(), ["a"]).is_err(), "{text}");
        }
        let [a, b] = read(br#"{"a":true,"b":"1"}"#, ["a", "b"]).unwrap();
        assert_eq!(a.text(), Err(WrongType));
        assert_eq!(b.number(), Err(WrongType));
    }

    #[test]
    fn pairs_keep_what_is_no_string_as_its_json() {
        let found = pairs(r#"{"a":"x","b":1.50,"c":true,"d":null,"e":{"f":[1]}}"#).unwrap();
        let expected = [
            ("a", "x"),
            ("b", "1.50"),
            ("c", "true"),
            ("e", "{\"f\":[1]}"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(found, expected);
        assert_eq!(pairs("[]"), None);
    }
}
