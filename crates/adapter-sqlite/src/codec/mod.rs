//! The binary encoding of the columns: the immutable part of an order ([`facts`]), its mutable part ([`standing`]), its events
//! ([`history`]), and the entries of the log ([`log`]).
//!
//! The tasks of the callers encode, and the thread that reads a row decodes. Nothing here does I/O.

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

/// Appends a number in LEB128, in which small numbers take few bytes.
pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number as u8) | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
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
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable::because("a stored number has no end"))
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
