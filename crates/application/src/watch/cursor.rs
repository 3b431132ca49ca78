//! How far a reader of changes has got, as a text that clients keep and hand back.
//!
//! Written into every change by this module's parent, parsed by the edges. Opaque to clients: its form is numbered and
//! may change. It contains no secret and gives no right. The random bits of each position tell whether it is of this
//! store's history; a catch-up compares them with the store's.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{EventPosition, Seq, ShardId};

/// The form written here; a parser refuses every other.
const FORM: u8 = 2;
/// Longer texts are refused unread. A shard takes at most 17 bytes, so this is room for several hundred shards.
const MAX_TEXT_BYTES: usize = 8192;
const CHECK_BYTES: usize = 4;

/// For each shard the position of the last event that was handed over; resuming from it means everything after them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Ascending by shard, each once.
    positions: Vec<(ShardId, EventPosition)>,
}

/// The text is not a cursor that this version wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor that this server gave out")]
pub struct CursorError;

impl Cursor {
    /// A cursor at these positions.
    #[must_use]
    pub fn new(positions: impl IntoIterator<Item = (ShardId, EventPosition)>) -> Self {
        let mut cursor = Self::default();
        for (shard, position) in positions {
            cursor.set(shard, position);
        }
        cursor
    }

    /// The position in one shard, if it is known.
    #[must_use]
    pub fn get(&self, shard: ShardId) -> Option<EventPosition> {
        self.positions
            .binary_search_by_key(&shard, |(known, _)| *known)
            .ok()
            .map(|at| self.positions[at].1)
    }

    /// The positions, ascending by shard.
    pub fn positions(&self) -> impl Iterator<Item = (ShardId, EventPosition)> {
        self.positions.iter().copied()
    }

    /// Sets the position in one shard.
    pub fn set(&mut self, shard: ShardId, position: EventPosition) {
        match self
            .positions
            .binary_search_by_key(&shard, |(known, _)| *known)
        {
            Ok(at) => self.positions[at].1 = position,
            Err(at) => self.positions.insert(at, (shard, position)),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// For every other text.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(CursorError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let body_len = bytes.len().checked_sub(CHECK_BYTES).ok_or(CursorError)?;
        let (body, check) = bytes.split_at(body_len);
        if check != checksum(body).to_be_bytes() || body.first() != Some(&FORM) {
            return Err(CursorError);
        }
        let mut rest = &body[1..];
        let mut cursor = Self::default();
        while !rest.is_empty() {
            let shard = u16::try_from(take_varint(&mut rest)?).map_err(|_| CursorError)?;
            let seq = take_varint(&mut rest)?;
            let (bits, after) = rest.split_first_chunk().ok_or(CursorError)?;
            rest = after;
            let position = EventPosition {
                seq: Seq(seq),
                bits: u32::from_be_bytes(*bits),
            };
            let is_ascending = cursor
                .positions
                .last()
                .is_none_or(|(last, _)| last.0 < shard);
            // Stores count in 63 bits.
            if !is_ascending || i64::try_from(seq).is_err() {
                return Err(CursorError);
            }
            cursor.positions.push((ShardId(shard), position));
        }
        if cursor.positions.is_empty() {
            return Err(CursorError);
        }
        Ok(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = Vec::with_capacity(1 + CHECK_BYTES + 12 * self.positions.len());
        body.push(FORM);
        for (shard, position) in &self.positions {
            put_varint(&mut body, u64::from(shard.0));
            put_varint(&mut body, position.seq.0);
            body.extend_from_slice(&position.bits.to_be_bytes());
        }
        let check = checksum(&body);
        body.extend_from_slice(&check.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(body))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, CursorError> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(CursorError)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(CursorError)
}

/// FNV-1a: finds a cut or mistyped cursor; it is no protection against a forged one.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use domain::{EventPosition, Seq, ShardId};
    use proptest::prelude::*;

    use super::Cursor;

    fn at(seq: u64, bits: u32) -> EventPosition {
        EventPosition {
            seq: Seq(seq),
            bits,
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(
            positions in proptest::collection::btree_map(
                any::<u16>(), (0..=(i64::MAX as u64), any::<u32>()), 1..40)
        ) {
            let cursor = Cursor::new(
                positions.iter().map(|(shard, (seq, bits))| (ShardId(*shard), at(*seq, *bits))));
            let read = Cursor::parse(&cursor.to_string()).unwrap();
            prop_assert_eq!(&read, &cursor);
            for (shard, (seq, bits)) in positions {
                prop_assert_eq!(read.get(ShardId(shard)), Some(at(seq, bits)));
            }
        }

        #[test]
        fn refuses_a_changed_character(
            seq in 0..u64::from(u32::MAX), bits in any::<u32>(), index in 0_usize..16, to in "[A-Za-z0-9_-]"
        ) {
            let text = Cursor::new([(ShardId(0), at(seq, bits))]).to_string();
            let index = index % text.len();
            let mut changed = text.clone();
            changed.replace_range(index..=index, &to);
            prop_assume!(changed != text);
            prop_assert!(Cursor::parse(&changed).is_err());
        }

        #[test]
        fn never_panics_on_any_text(text in ".{0,64}") {
            let _ = Cursor::parse(&text);
        }
    }

    #[test]
    fn refuses_what_is_no_cursor() {
        let cut = Cursor::new([(ShardId(0), at(300, 7))]).to_string();
        for text in ["", "x", "AQ", "0", &cut[..cut.len() - 1], &"A".repeat(9000)] {
            assert!(Cursor::parse(text).is_err(), "{text:?}");
        }
    }
}
