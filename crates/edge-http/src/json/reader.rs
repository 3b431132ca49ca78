//! A pull reader over one JSON text (RFC 8259): single pass, borrowed, bounded in depth.
//!
//! The callers say what they expect and where; this module only knows the grammar. It never makes a float.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Deeper nesting is refused, so that no input can exhaust the stack.
const MAX_DEPTH: u32 = 64;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    what: Cow<'static, str>,
    /// Line and column, both from 1, the column in bytes; `None` where the place does not matter.
    place: Option<(usize, usize)>,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "{} at line {line}, column {column}.", self.what)
            }
            None => write!(f, "{}.", self.what),
        }
    }
}

/// What a value is, told by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// The kind with its article, for sentences.
    pub(crate) const fn name(self) -> &'static str {
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

/// Where the reading stands.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which must be UTF-8.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|error| Malformed {
            what: Cow::Borrowed("The text is not UTF-8"),
            place: Some(place_in(bytes, error.valid_up_to())),
        })?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
        })
    }

    /// A complaint about the present place.
    pub(crate) fn malformed(&self, what: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed {
            what: what.into(),
            place: Some(place_in(self.text.as_bytes(), self.at)),
        }
    }

    /// A complaint about a key that an object has twice.
    pub(crate) fn duplicate(&self, key: &str) -> Malformed {
        let shown: String = key.chars().take(100).collect();
        self.malformed(format!("The key {shown:?} comes twice in an object"))
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
            None => self.malformed("The text ends too early"),
            Some(found) => self.malformed(format!("Unexpected character {found:?}")),
        }
    }

    /// What comes next. Reads white space only.
    pub(crate) fn peek(&mut self) -> Result<Kind, Malformed> {
        self.skip_space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.unexpected()),
        }
    }

    /// Requires that nothing but white space follows.
    pub(crate) fn finish(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.byte().is_some() {
            return Err(self.malformed("Something follows the value"));
        }
        Ok(())
    }

    /// Reads an object; `member` reads the value of each key.
    pub(crate) fn object(
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

    /// Reads an object whose keys may each come once.
    pub(crate) fn members(
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
    pub(crate) fn array(
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
            return Err(self.malformed(format!("The nesting is deeper than {MAX_DEPTH}")));
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

    /// Reads a string; borrowed where it holds no escapes.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.expect(b'"')?;
        let from = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let text = &self.text[from..self.at];
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped_text(from).map(Cow::Owned),
                Some(0..0x20) => return Err(self.malformed("Raw control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected()),
            }
        }
    }

    /// Goes on with a string at its first escape.
    fn escaped_text(&mut self, from: usize) -> Result<String, Malformed> {
        let mut text = String::with_capacity(self.at - from + 32);
        text.push_str(&self.text[from..self.at]);
        loop {
            let plain_from = self.at;
            while !matches!(self.byte(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            text.push_str(&self.text[plain_from..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return Err(self.malformed("Raw control character in a string")),
                None => return Err(self.unexpected()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let plain = match self.byte() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            None => return Err(self.unexpected()),
            Some(_) => return Err(self.malformed("Unknown escape in a string")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, Malformed> {
        let unit = self.four_hex_digits()?;
        let code = match unit {
            0xD800..0xDC00 => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(self.malformed("Half of a surrogate pair in a string"));
                }
                self.at += 2;
                let low = self.four_hex_digits()?;
                if !(0xDC00..0xE000).contains(&low) {
                    return Err(self.malformed("Half of a surrogate pair in a string"));
                }
                0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            unit => unit,
        };
        char::from_u32(code).ok_or_else(|| self.malformed("Half of a surrogate pair in a string"))
    }

    fn four_hex_digits(&mut self) -> Result<u32, Malformed> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self
                .byte()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.malformed("A \\u escape needs four hexadecimal digits"))?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Reads a number as its text.
    pub(crate) fn number(&mut self) -> Result<&'a str, Malformed> {
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
    pub(crate) fn null(&mut self) -> Result<(), Malformed> {
        self.word("null")
    }

    /// Reads any value and forgets it, refusing duplicate keys anywhere in it.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        self.pass_over(true)
    }

    /// Reads any value and returns its text. Duplicate keys are left to whoever reads that text.
    pub(crate) fn raw(&mut self) -> Result<&'a str, Malformed> {
        self.skip_space();
        let from = self.at;
        self.pass_over(false)?;
        Ok(&self.text[from..self.at])
    }

    fn pass_over(&mut self, refuse_duplicates: bool) -> Result<(), Malformed> {
        match self.peek()? {
            Kind::Object if refuse_duplicates => self.members(|reader, _| reader.pass_over(true)),
            Kind::Object => self.object(|reader, _| reader.pass_over(false)),
            Kind::Array => self.array(|reader, _| reader.pass_over(refuse_duplicates)),
            Kind::Text => self.text().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean if self.byte() == Some(b't') => self.word("true"),
            Kind::Boolean => self.word("false"),
            Kind::Null => self.null(),
        }
    }
}

/// Line and column of a byte, both from 1.
fn place_in(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n')
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Reader};

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
        assert_eq!(reader.peek().unwrap(), Kind::Number);
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
