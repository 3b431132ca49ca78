//! Strings: borrowed if they hold no escapes, with every escape of the standard if they do.

use std::borrow::Cow;

use super::{Malformed, MalformedReason, Reader};

impl<'a> Reader<'a> {
    /// Reads a string; borrowed if it holds no escapes.
    ///
    /// # Errors
    /// If it is not a string, or holds an escape that the standard does not know.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
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
                Some(0..0x20) => return Err(self.malformed(MalformedReason::ControlCharacter)),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected()),
            }
        }
    }

    /// Continues a string at its first escape.
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
                Some(_) => return Err(self.malformed(MalformedReason::ControlCharacter)),
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
            Some(_) => return Err(self.malformed(MalformedReason::UnknownEscape)),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, Malformed> {
        let unit = self.four_hex_digits()?;
        let code = match unit {
            0xD800..0xDC00 => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(self.malformed(MalformedReason::LoneSurrogate));
                }
                self.at += 2;
                let low = self.four_hex_digits()?;
                if !(0xDC00..0xE000).contains(&low) {
                    return Err(self.malformed(MalformedReason::LoneSurrogate));
                }
                0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            unit => unit,
        };
        char::from_u32(code).ok_or_else(|| self.malformed(MalformedReason::LoneSurrogate))
    }

    fn four_hex_digits(&mut self) -> Result<u32, Malformed> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self
                .byte()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.malformed(MalformedReason::BadUnicodeEscape))?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}
