//! Where a reader of changes has got to, as a text that clients keep and hand back.
//!
//! Written into every change by this module's parent, parsed by the edges. Opaque to clients: its form carries a
//! number of its own and may change. It holds no secret and gives no right: a made-up one only starts elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Seq, ShardId};

/// The form written here; a parser refuses every other.
const FORM: u8 = 1;
/// Longer texts are refused unread. A pair takes at most 13 bytes, so this is room for several hundred shards.
const MAX_TEXT_BYTES: usize = 8192;
const CHECK_BYTES: usize = 4;

/// For each shard the last event that was handed over; resuming from it means everything after them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Ascending by shard, each once.
    seqs: Vec<(ShardId, Seq)>,
}

/// The text is not a cursor that this version wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor that this server gave out")]
pub struct CursorError;

impl Cursor {
    /// A cursor at these places.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = (ShardId, Seq)>) -> Self {
        let mut cursor = Self::default();
        for (shard, seq) in places {
            cursor.set(shard, seq);
        }
        cursor
    }

    /// The place in one shard, where it is known.
    #[must_use]
    pub fn get(&self, shard: ShardId) -> Option<Seq> {
        self.seqs
            .binary_search_by_key(&shard, |(known, _)| *known)
            .ok()
            .map(|at| self.seqs[at].1)
    }

    /// Sets the place in one shard.
    pub fn set(&mut self, shard: ShardId, seq: Seq) {
        match self.seqs.binary_search_by_key(&shard, |(known, _)| *known) {
            Ok(at) => self.seqs[at].1 = seq,
            Err(at) => self.seqs.insert(at, (shard, seq)),
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
            let is_ascending = cursor.seqs.last().is_none_or(|(last, _)| last.0 < shard);
            // Stores count in 63 bits.
            if !is_ascending || i64::try_from(seq).is_err() {
                return Err(CursorError);
            }
            cursor.seqs.push((ShardId(shard), Seq(seq)));
        }
        if cursor.seqs.is_empty() {
            return Err(CursorError);
        }
        Ok(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = Vec::with_capacity(1 + CHECK_BYTES + 8 * self.seqs.len());
        body.push(FORM);
        for (shard, seq) in &self.seqs {
            put_varint(&mut body, u64::from(shard.0));
            put_varint(&mut body, seq.0);
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

/// FNV-1a: finds a cut or mistyped cursor; nobody is kept out by it.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use domain::{Seq, ShardId};
    use proptest::prelude::*;

    use super::Cursor;

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(
            places in proptest::collection::btree_map(any::<u16>(), 0..=(i64::MAX as u64), 1..40)
        ) {
            let cursor = Cursor::new(places.iter().map(|(shard, seq)| (ShardId(*shard), Seq(*seq))));
            let read = Cursor::parse(&cursor.to_string()).unwrap();
            prop_assert_eq!(&read, &cursor);
            for (shard, seq) in places {
                prop_assert_eq!(read.get(ShardId(shard)), Some(Seq(seq)));
            }
        }

        #[test]
        fn refuses_a_changed_character(seq in 0..u64::from(u32::MAX), at in 0_usize..8, to in "[A-Za-z0-9_-]") {
            let text = Cursor::new([(ShardId(0), Seq(seq))]).to_string();
            let at = at % text.len();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
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
        let cut = Cursor::new([(ShardId(0), Seq(300))]).to_string();
        for text in ["", "x", "AQ", "0", &cut[..cut.len() - 1], &"A".repeat(9000)] {
            assert!(Cursor::parse(text).is_err(), "{text:?}");
        }
    }
}
