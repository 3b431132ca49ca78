//! How far a reader of changes has got, as a text that clients keep and hand back.
//!
//! Written into every change by this module's parent, parsed by the edges. Opaque to clients: sealed by `opaque_cursor`. The
//! random bits of each position tell whether it is of this store's history; a catch-up compares them with the store's.

use std::fmt;

use domain::varint::{put_varint, take_varint};
use domain::{EventPosition, Seq, ShardId};

use crate::opaque_cursor::{Unscoped, open, seal};

/// The version written here; a parser refuses every other.
const VERSION: u8 = 2;
/// Longer texts are refused unread. A shard takes at most 17 bytes, so this is room for several hundred shards.
const MAX_TEXT_BYTES: usize = 8192;

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
        let content = open(text, VERSION, &Unscoped).ok_or(CursorError)?;
        let mut rest = content.as_slice();
        let mut cursor = Self::default();
        while !rest.is_empty() {
            let mut number = || take_varint(&mut rest).map_err(|_| CursorError);
            let shard = u16::try_from(number()?).map_err(|_| CursorError)?;
            let seq = number()?;
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
        let mut content = Vec::with_capacity(12 * self.positions.len());
        for (shard, position) in &self.positions {
            put_varint(&mut content, u64::from(shard.0));
            put_varint(&mut content, position.seq.0);
            content.extend_from_slice(&position.bits.to_be_bytes());
        }
        f.write_str(&seal(VERSION, &content, &Unscoped))
    }
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
    fn a_cursor_that_a_client_holds_stays_valid() {
        let cursor = Cursor::new([(ShardId(0), at(300, 7)), (ShardId(3), at(1, 0xdead_beef))]);
        assert_eq!(cursor.to_string(), "AgCsAgAAAAcDAd6tvu-SHzP2");
        assert_eq!(Cursor::parse("AgCsAgAAAAcDAd6tvu-SHzP2"), Ok(cursor));
    }

    #[test]
    fn refuses_what_is_no_cursor() {
        let cut = Cursor::new([(ShardId(0), at(300, 7))]).to_string();
        for text in ["", "x", "AQ", "0", &cut[..cut.len() - 1], &"A".repeat(9000)] {
            assert!(Cursor::parse(text).is_err(), "{text:?}");
        }
    }
}
