//! One JSON object as its members, each value as the text that it is written in. For callers that keep, drop or pass on
//! members without knowing them all: the reader of answers, and the import of whole orders.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::reader::{Malformed, MalformedReason, Reader, ValueType};

/// The members of an object, in the order in which they are written; each name comes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads a text that is one object. Duplicate names are refused; those within a value are found when it is read.
    ///
    /// # Errors
    /// If the text is not one JSON object, or a name comes twice in it.
    pub fn read(text: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(text)?;
        if reader.peek()? != ValueType::Object {
            return Err(reader.malformed(MalformedReason::Expected("The value is not an object")));
        }
        let mut members = Vec::new();
        let mut names = HashSet::new();
        reader.object(|reader, name| {
            if !names.insert(name.clone()) {
                return Err(reader.duplicate(&name));
            }
            members.push((name, reader.raw()?));
            Ok(())
        })?;
        reader.finish()?;
        Ok(Self(members))
    }

    /// The value of a member, as it is written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut members = self.0.iter();
        members.find_map(|(own, value)| (own == name).then_some(*value))
    }

    /// All members: name and value, as it is written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

/// The text that a value is, without its quotes and escapes; `None` if the value is no string.
#[must_use]
pub fn text_of(value: &str) -> Option<Cow<'_, str>> {
    let mut reader = Reader::new(value.as_bytes()).ok()?;
    match reader.peek().ok()? {
        ValueType::Text => reader.text().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Members, text_of};

    #[test]
    fn values_are_kept_as_they_are_written() {
        let text = br#" {"a" : 1.50, "b\n":{"x":[ 1 ]}, "c":"\u00e9\"" , "d":null} "#;
        let members = Members::read(text).unwrap();
        let all: Vec<_> = members.iter().collect();
        assert_eq!(
            all,
            [
                ("a", "1.50"),
                ("b\n", "{\"x\":[ 1 ]}"),
                ("c", "\"\\u00e9\\\"\""),
                ("d", "null")
            ]
        );
        assert_eq!(members.get("c").and_then(text_of).unwrap(), "é\"");
        assert_eq!(members.get("a").and_then(text_of), None);
        assert_eq!(members.get("e"), None);
    }

    #[test]
    fn what_is_not_one_object_with_each_name_once_is_refused() {
        for (text, part) in [
            ("", "ends too early"),
            ("[]", "is not an object"),
            ("{\"a\":1", "ends too early"),
            ("{\"a\":1} {}", "Something follows"),
            ("{\"a\":1,\"\\u0061\":2}", "The key \"a\" comes twice"),
            ("{\"a\":truex}", "Unexpected character"),
        ] {
            let refused = Members::read(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
