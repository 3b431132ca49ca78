//! The binary encoding of the columns: the immutable part of an order ([`facts`]), its mutable part ([`standing`]), its events
//! ([`history`]), and the entries of the log ([`log`]).
//!
//! The tasks of the callers encode, and the thread that reads a row decodes. Nothing here does I/O.

use domain::varint::take_varint;

pub(crate) use domain::varint::put_varint as put_number;

pub(crate) mod facts;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod standing;

/// Stored bytes that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    pub(crate) fn because(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Appends a signed number in LEB128 of its zigzag form.
pub(crate) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_number(
        bytes,
        (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned(),
    );
}

/// Appends an optional text, preceded by its length plus one; `None` is a zero.
pub(crate) fn put_optional_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    put_number(bytes, text.map_or(0, |text| text.len() as u64 + 1));
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Appends a text, preceded by its length.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads what the `put_*` functions wrote.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| Unreadable::because("a stored value ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| Unreadable::because("a stored value ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Unreadable> {
        take_varint(&mut self.rest).map_err(Unreadable::because)
    }

    pub(crate) fn small(&mut self) -> Result<u32, Unreadable> {
        u32::try_from(self.number()?).map_err(Unreadable::because)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Unreadable> {
        let zigzag = self.number()?;
        Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Unreadable> {
        let length = self.number()?;
        self.text_of(length)
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>, Unreadable> {
        let length = self.number()?.checked_sub(1);
        length.map(|length| self.text_of(length)).transpose()
    }

    fn text_of(&mut self, length: u64) -> Result<&'a str, Unreadable> {
        let length = usize::try_from(length).map_err(Unreadable::because)?;
        std::str::from_utf8(self.bytes(length)?).map_err(Unreadable::because)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, put_number, put_optional_text, put_signed, put_text};

    #[test]
    fn the_bytes_of_stored_values_never_change() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 300);
        put_signed(&mut bytes, -1);
        put_signed(&mut bytes, 64);
        put_signed(&mut bytes, i64::MIN);
        put_text(&mut bytes, "é");
        put_optional_text(&mut bytes, None);
        put_optional_text(&mut bytes, Some(""));
        let expected = [
            &[0xac, 0x02, 0x01, 0x80, 0x01][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[2, 0xc3, 0xa9, 0, 1],
        ];
        assert_eq!(bytes, expected.concat());
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.number(), Ok(300));
        for number in [-1, 64, i64::MIN] {
            assert_eq!(reader.signed(), Ok(number));
        }
        assert_eq!(reader.text(), Ok("é"));
        assert_eq!(reader.optional_text(), Ok(None));
        assert_eq!(reader.optional_text(), Ok(Some("")));
        assert!(reader.is_empty() && reader.number().is_err());
    }
}
