//! A block: the sorted entries of one run between two bounds, with a checksum.
//!
//! Its contents are the entries, the upper bound (the first entry of the next block; the last block has none), a byte of
//! flags, and a CRC-32 over the number and kind of the run and all previous bytes. Because of the bounds, the blocks of a run
//! form a chain: a reader verifies that a block covers the key that it searches, so a missing block is detected whatever the
//! block index contains. The number of a run is random, so a block of another run, file or time does not match the checksum.

use super::run::Kind;
use crate::index::damage::damaged;

/// The first block of its run: it covers all keys below its upper bound.
const IS_FIRST: u8 = 1;
/// The last block of its run: it has no upper bound.
const IS_LAST: u8 = 2;

/// The bytes of the flags and the checksum.
const TRAILER: usize = 5;

/// The most bytes of a block beside its entries.
pub(super) const OVERHEAD: usize = Kind::UniqueKeys.width() + TRAILER;

/// A verified block.
#[derive(Debug)]
pub(super) struct Block<'b> {
    /// The first entry; `None` in the first block of a run.
    pub(super) lower: Option<&'b [u8]>,
    pub(super) entries: &'b [u8],
    /// The first entry of the next block; `None` in the last block of a run.
    pub(super) upper: Option<&'b [u8]>,
}

/// Turns `entries` into the contents of a block of a run.
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
    /// Verifies that `contents` are a block of this run.
    pub(super) fn verify(run: i64, kind: Kind, contents: &'b [u8]) -> rusqlite::Result<Self> {
        let verified = contents
            .split_last_chunk()
            .filter(|(sealed, stored)| checksum(run, kind, sealed) == u32::from_le_bytes(**stored));
        let Some((sealed, _)) = verified else {
            return Err(damaged("a block does not match its checksum"));
        };
        Self::parse(kind, sealed).ok_or_else(|| damaged("a block has a partial entry"))
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

    /// Whether the greatest entry of the run below `bound` is in this block, if the run has one.
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
        seal(RUN, Kind::UniqueKeys, &mut block, is_first, upper);
        block
    }

    #[test]
    fn a_block_covers_the_keys_between_its_bounds() {
        let upper = [200; 32];
        let block = sealed(false, Some(&upper));
        let block = Block::verify(RUN, Kind::UniqueKeys, &block).unwrap();
        let first: Vec<u8> = (0..32).collect();
        assert_eq!(block.entries.len(), 96);
        assert_eq!(block.lower, Some(first.as_slice()));
        assert!(!block.covers_below(&first), "the block before covers it");
        assert!(block.covers_below(&[1; 32]));
        assert!(block.covers_below(&upper));
        assert!(!block.covers_below(&[201; 33]), "the block after covers it");

        let only = sealed(true, None);
        let only = Block::verify(RUN, Kind::UniqueKeys, &only).unwrap();
        assert!(only.covers_below(&[0]));
        assert!(only.covers_below(&[0xff; 33]));
    }

    #[test]
    fn a_block_with_a_changed_bit_or_a_missing_byte_is_refused() {
        let block = sealed(false, Some(&[200; 32]));
        for position in 0..block.len() {
            for bit in 0..8 {
                let mut changed = block.clone();
                changed[position] ^= 1 << bit;
                assert!(Block::verify(RUN, Kind::UniqueKeys, &changed).is_err());
            }
            assert!(Block::verify(RUN, Kind::UniqueKeys, &block[..position]).is_err());
        }
        assert!(Block::verify(RUN, Kind::UniqueKeys, &vec![0; block.len()]).is_err());
    }

    #[test]
    fn a_block_of_another_run_is_refused() {
        let block = sealed(true, None);
        for bit in 0..64 {
            let other = RUN ^ (1 << bit);
            assert!(Block::verify(other, Kind::UniqueKeys, &block).is_err());
        }
        assert!(Block::verify(RUN, Kind::Lists, &block).is_err());
    }
}
