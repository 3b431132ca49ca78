//! Unsigned numbers as variable-length bytes (LEB128): seven bits a byte, the low ones first, the eighth bit set in all
//! bytes but the last.
//!
//! Stores keep numbers and cursors carry them in this form, so what is written here never changes. Exactly one byte
//! sequence stands for each number: every other one is refused. It is written here because the known crates accept more
//! (`unsigned-varint` 0.8 drops the bits of a tenth byte that do not fit into 64).

/// The most bytes of one number.
const MAX_BYTES: usize = 10;

/// Bytes that no number was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VarintError {
    /// The bytes end within a number.
    #[error("a number ends too early")]
    Incomplete,
    /// The number does not fit into 64 bits.
    #[error("a number has more than 64 bits")]
    TooLarge,
    /// The last byte of several is zero: the number has a shorter form.
    #[error("a number has more bytes than it needs")]
    NotShortest,
}

/// Appends `number`: 1 byte if it is below 128, 10 at most.
#[inline]
pub fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number as u8) | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front of `bytes`, which are left unchanged if there is none.
///
/// # Errors
/// If the bytes are not what [`put_varint`] writes.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Result<u64, VarintError> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        let bits = u64::from(byte & 0x7f);
        // Of the tenth byte one bit fits.
        if at == MAX_BYTES - 1 && bits > 1 {
            return Err(VarintError::TooLarge);
        }
        number |= bits << (7 * at);
        if byte & 0x80 == 0 {
            if *byte == 0 && at > 0 {
                return Err(VarintError::NotShortest);
            }
            *bytes = &bytes[at + 1..];
            return Ok(number);
        }
    }
    Err(if bytes.len() < MAX_BYTES {
        VarintError::Incomplete
    } else {
        VarintError::TooLarge
    })
}
