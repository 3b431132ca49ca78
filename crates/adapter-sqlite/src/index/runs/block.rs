//! A block: the sorted entries of one run between two keys, with the proof that they are what was written.
//!
//! Stored as the entries, the upper bound (the first entry of the next block; the last block has none), a byte of flags, and
//! a CRC-32 over the number and kind of the run and all bytes before. The bounds make the blocks of a run a chain: a reader
//! that finds a block verifies that it covers the key it looks for, so a block that is missing is noticed, whatever the
//! block index says. The number of a run is random, so a block of another run, file or time does not match the checksum.

use super::Kind;
use crate::index::damage::damaged;

/// There is no block before this one: it covers all keys below its upper bound.
const IS_FIRST: u8 = 1;
/// There is no block after this one: it has no upper bound.
const IS_LAST: u8 = 2;

/// The bytes of the flags and the checksum.
const TRAILER: usize = 5;

/// The most bytes that a block has beside its entries.
pub(super) const OVERHEAD: usize = Kind::Names.width() + TRAILER;

/// A block that was verified.
#[derive(Debug)]
pub(super) struct Block<'b> {
    /// The first entry; `None` in the first block of a run.
    pub(super) lower: Option<&'b [u8]>,
    pub(super) entries: &'b [u8],
    /// The first entry of the next block; `None` in the last block of a run.
    pub(super) upper: Option<&'b [u8]>,
}

/// Turns `entries` into the contents of a block of this run.
pub(super) fn seal(
    run: i64,
    kind: Kind,
    entries: &mut Vec<u8>,
    is_first: bool,
    upper: Option<&[u8]>,
) {
    let mut flags = 0;
    if is_first {
        flags |= IS_FIRST;
    }
    match upper {
        Some(upper) => entries.extend_from_slice(upper),
        None => flags |= IS_LAST,
    }
    entries.push(flags);
    let checksum = checksum(run, kind, entries);
    entries.extend_from_slice(&checksum.to_le_bytes());
}

impl<'b> Block<'b> {
    /// Verifies that `contents` were written as a block of this run.
    pub(super) fn verify(run: i64, kind: Kind, contents: &'b [u8]) -> rusqlite::Result<Self> {
        let verified = contents
            .split_last_chunk()
            .filter(|(sealed, stored)| checksum(run, kind, sealed) == u32::from_le_bytes(**stored));
        let Some((sealed, _)) = verified else {
            return Err(damaged("a block does not match its checksum"));
        };
        Self::parse(kind, sealed).ok_or_else(|| damaged("a block is no whole number of entries"))
    }

    fn parse(kind: Kind, sealed: &'b [u8]) -> Option<Self> {
        let (flags, rest) = sealed.split_last()?;
        let (entries, upper) = if flags & IS_LAST == 0 {
            let (entries, upper) = rest.split_at_checked(rest.len().checked_sub(kind.width())?)?;
            (entries, Some(upper))
        } else {
            (rest, None)
        };
        if !entries.len().is_multiple_of(kind.width()) {
            return None;
        }
        let first = entries.get(..kind.width())?;
        Some(Self {
            lower: (flags & IS_FIRST == 0).then_some(first),
            entries,
            upper,
        })
    }

    /// Whether no other block of the run holds the greatest entry below `bound`.
    pub(super) fn covers_below(&self, bound: &[u8]) -> bool {
        self.lower.is_none_or(|lower| lower < bound)
            && self.upper.is_none_or(|upper| upper >= bound)
    }
}

fn checksum(run: i64, kind: Kind, sealed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&run.to_le_bytes());
    hasher.update(&[kind.code()]);
    hasher.update(sealed);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{Block, seal};
    use crate::index::runs::Kind;

    const RUN: i64 = 0x1234_5678_9abc_def0;

    fn sealed(is_first: bool, upper: Option<&[u8]>) -> Vec<u8> {
        let mut block: Vec<u8> = (0..96).collect();
        seal(RUN, Kind::Names, &mut block, is_first, upper);
        block
    }

    #[test]
    fn a_block_covers_what_lies_between_its_bounds() {
        let upper = [200; 32];
        let block = sealed(false, Some(&upper));
        let block = Block::verify(RUN, Kind::Names, &block).unwrap();
        let first: Vec<u8> = (0..32).collect();
        assert_eq!(block.entries.len(), 96);
        assert_eq!(block.lower, Some(first.as_slice()));
        assert!(!block.covers_below(&first), "the block before covers it");
        assert!(block.covers_below(&[1; 32]));
        assert!(block.covers_below(&upper));
        assert!(!block.covers_below(&[201; 33]), "the block after covers it");

        let only = sealed(true, None);
        let only = Block::verify(RUN, Kind::Names, &only).unwrap();
        assert!(only.covers_below(&[0]));
        assert!(only.covers_below(&[0xff; 33]));
    }

    #[test]
    fn a_block_with_any_bit_changed_or_byte_missing_is_not_believed() {
        let block = sealed(false, Some(&[200; 32]));
        for position in 0..block.len() {
            for bit in 0..8 {
                let mut changed = block.clone();
                changed[position] ^= 1 << bit;
                assert!(Block::verify(RUN, Kind::Names, &changed).is_err());
            }
            assert!(Block::verify(RUN, Kind::Names, &block[..position]).is_err());
        }
        assert!(Block::verify(RUN, Kind::Names, &vec![0; block.len()]).is_err());
    }

    #[test]
    fn a_block_of_another_run_is_not_believed() {
        let block = sealed(true, None);
        for bit in 0..64 {
            let other = RUN ^ (1 << bit);
            assert!(Block::verify(other, Kind::Names, &block).is_err());
        }
        assert!(Block::verify(RUN, Kind::Lists, &block).is_err());
    }
}
