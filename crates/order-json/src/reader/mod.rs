//! A pull reader over one JSON text (RFC 8259): single pass, borrowed, bounded in depth.
//!
//! Its callers say which type they expect next; it only knows the grammar. It never makes a float.

mod malformed;
mod text;

use std::borrow::Cow;
use std::collections::HashSet;

pub use malformed::{Malformed, MalformedReason};

/// Deeper nesting is refused, so that no input can exhaust the stack.
const MAX_DEPTH: u32 = 64;

/// The type of a value, known from its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`
    Null,
}

impl ValueType {
    /// The type with its article, for sentences: `an object`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// A reader at some position of its text.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `bytes`.
    ///
    /// # Errors
    /// If they are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Malformed::at(MalformedReason::NotUtf8, bytes, error.valid_up_to()))?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
        })
    }

    /// The error that `reason` holds at the present position.
    #[must_use]
    pub fn malformed(&self, reason: MalformedReason) -> Malformed {
        Malformed::at(reason, self.text.as_bytes(), self.at)
    }

    /// The error that an object has `key` twice.
    #[must_use]
    pub fn duplicate(&self, key: &str) -> Malformed {
        let shown = key.chars().take(100).collect();
        self.malformed(MalformedReason::DuplicateKey(shown))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> Malformed {
        match self.text[self.at..].chars().next() {
            None => self.malformed(MalformedReason::EndsEarly),
            Some(found) => self.malformed(MalformedReason::Unexpected(found)),
        }
    }

    /// The type of the next value. Reads white space only.
    ///
    /// # Errors
    /// If no value can begin here.
    pub fn peek(&mut self) -> Result<ValueType, Malformed> {
        self.skip_space();
        match self.byte() {
            Some(b'{') => Ok(ValueType::Object),
            Some(b'[') => Ok(ValueType::Array),
            Some(b'"') => Ok(ValueType::Text),
            Some(b'-' | b'0'..=b'9') => Ok(ValueType::Number),
            Some(b't' | b'f') => Ok(ValueType::Boolean),
            Some(b'n') => Ok(ValueType::Null),
            _ => Err(self.unexpected()),
        }
    }

    /// Requires that nothing but white space follows.
    ///
    /// # Errors
    /// If anything else follows.
    pub fn finish(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.byte().is_some() {
            return Err(self.malformed(MalformedReason::SomethingFollows));
        }
        Ok(())
    }

    /// Reads an object; `member` reads the value of each key. Keys may come twice: the caller notices that.
    ///
    /// # Errors
    /// If it is not an object, or `member` fails.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.enter(b'{')?;
        self.skip_space();
        if self.byte() == Some(b'}') {
            return self.leave();
        }
        loop {
            self.skip_space();
            let key = self.text()?;
            self.skip_space();
            self.expect(b':')?;
            member(self, key)?;
            self.skip_space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Reads an object of which each key comes once.
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut keys = HashSet::new();
        self.object(|reader, key| {
            if keys.contains(&key) {
                return Err(reader.duplicate(&key));
            }
            member(reader, &key)?;
            keys.insert(key);
            Ok(())
        })
    }

    /// Reads an array; `element` reads each value, given its index.
    ///
    /// # Errors
    /// If it is not an array, or `element` fails.
    pub fn array(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.enter(b'[')?;
        self.skip_space();
        if self.byte() == Some(b']') {
            return self.leave();
        }
        let mut index = 0;
        loop {
            self.skip_space();
            element(self, index)?;
            index += 1;
            self.skip_space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn enter(&mut self, opening: u8) -> Result<(), Malformed> {
        self.skip_space();
        if self.depth == MAX_DEPTH {
            return Err(self.malformed(MalformedReason::TooDeep { most: MAX_DEPTH }));
        }
        self.expect(opening)?;
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.byte() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// Reads a number as its text, with every digit.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn number(&mut self) -> Result<&'a str, Malformed> {
        let from = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.unexpected()),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[from..self.at])
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == from {
            return Err(self.unexpected());
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads `null`.
    ///
    /// # Errors
    /// If it is not `null`.
    pub fn null(&mut self) -> Result<(), Malformed> {
        self.word("null")
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads any value and drops it. Duplicate keys anywhere in it are refused.
    ///
    /// # Errors
    /// If it is not JSON, or an object in it has a key twice.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        self.pass_over(true)
    }

    /// Reads any value and returns its text. Duplicate keys are found when that text is read.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn raw(&mut self) -> Result<&'a str, Malformed> {
        self.skip_space();
        let from = self.at;
        self.pass_over(false)?;
        Ok(&self.text[from..self.at])
    }

    fn pass_over(&mut self, refuse_duplicates: bool) -> Result<(), Malformed> {
        match self.peek()? {
            ValueType::Object if refuse_duplicates => {
                self.members(|reader, _| reader.pass_over(true))
            }
            ValueType::Object => self.object(|reader, _| reader.pass_over(false)),
            ValueType::Array => self.array(|reader, _| reader.pass_over(refuse_duplicates)),
            ValueType::Text => self.text().map(drop),
            ValueType::Number => self.number().map(drop),
            ValueType::Boolean => self.boolean().map(drop),
            ValueType::Null => self.null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, ValueType};

    fn reads(text: &str) -> bool {
        Reader::new(text.as_bytes())
            .is_ok_and(|mut reader| reader.skip().and_then(|()| reader.finish()).is_ok())
    }

    #[test]
    fn agrees_with_another_reader_on_what_is_json() {
        let texts = [
            "{}",
            "[]",
            " [ 1 , 2 ] ",
            "\"a\"",
            "0",
            "-0",
            "-1.5e+10",
            "1e5",
            "true",
            "false",
            "null",
            "",
            " ",
            "{",
            "}",
            "[",
            "]",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "--1",
            "tru",
            "nul",
            "truex",
            "1 2",
            "{} {}",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"\\udc00\"",
            "\"\u{1}\"",
            "\"\t\"",
            "\"\\u0000\"",
            "[1 2]",
            "{\"a\" 1}",
            "\u{feff}{}",
            "NaN",
            "Infinity",
            "'a'",
            "[\"\u{e9}\u{1f600}\u{7f}\"]",
            "{\"a\":{\"b\":[1,{\"c\":null}]}}",
            "//x\n1",
            "\"\\/\\b\\f\\n\\r\\t\"",
            "1E400",
            "-",
            "\"\\ud83dx\"",
        ];
        for text in texts {
            // The other reader makes floats, which 1E400 is too large for.
            let expected =
                serde_json::from_str::<serde_json::Value>(text).is_ok() || text == "1E400";
            assert_eq!(reads(text), expected, "{text:?}");
        }
    }

    #[test]
    fn strings_come_out_as_another_reader_reads_them() {
        for text in [
            r#""plain""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u00e9\ud83d\ude00 z""#,
            "\"é😀 \u{202e}\u{7f}\"",
        ] {
            let expected: String = serde_json::from_str(text).unwrap();
            let mut reader = Reader::new(text.as_bytes()).unwrap();
            assert_eq!(reader.text().unwrap(), expected);
        }
    }

    #[test]
    fn every_cut_of_a_text_is_refused_without_a_panic() {
        let text = r#"{"a":[1,-2.5e3,"x\n\u00e9é",true,false,null],"b":{}}"#;
        assert!(reads(text));
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(!reads(&text[..end]), "{:?}", &text[..end]);
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let mut reader = Reader::new(b"90071992547409.910000000000000000001").unwrap();
        assert_eq!(reader.peek().unwrap(), ValueType::Number);
        assert_eq!(
            reader.number().unwrap(),
            "90071992547409.910000000000000000001"
        );
    }

    #[test]
    fn nesting_bombs_duplicates_and_foreign_bytes_are_named() {
        let complaint = |bytes: &[u8]| match Reader::new(bytes) {
            Ok(mut reader) => reader.skip().unwrap_err().to_string(),
            Err(malformed) => malformed.to_string(),
        };
        let bomb = "[".repeat(10_000);
        assert_eq!(
            complaint(bomb.as_bytes()),
            "The nesting is deeper than 64 at line 1, column 65."
        );
        assert_eq!(
            complaint(b"{\"a\":1,\n \"a\":2}"),
            "The key \"a\" comes twice in an object at line 2, column 6."
        );
        assert_eq!(
            complaint(b"{\"a\":\"\xff\"}"),
            "The text is not UTF-8 at line 1, column 7."
        );
    }
}
