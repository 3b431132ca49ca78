//! A Bloom filter of the unique keys in the index file. Most keys of new orders are unused, and the filter excludes them
//! without a read of the file. The indexer adds a key before it leaves the memtable. A false positive costs a lookup; there
//! are no false negatives.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::hashes::UniqueKeyHash;

/// The sections of the filter. Each is allocated for its first key, so a store without unique keys uses no memory.
const SECTIONS: usize = 256;
/// The blocks of a section. A key sets bits of one block, which is a cache line.
const BLOCKS: usize = 1_024;
const WORDS: usize = 8;

/// At most 16 MiB. With 13 million keys one unused key in a hundred is a false positive; with more keys, more of them.
pub(crate) struct UniqueKeyFilter {
    sections: [OnceLock<Box<[Block]>>; SECTIONS],
    is_complete: AtomicBool,
}

type Block = [AtomicU64; WORDS];

/// The bits of a key.
struct Position {
    section: usize,
    block: usize,
    bits: [u64; WORDS],
}

impl Position {
    fn of(key: UniqueKeyHash) -> Self {
        let number = u128::from_be_bytes(key.0);
        // Each bit of the hash is used once.
        let section = (number >> 56) as usize % SECTIONS;
        let block = (number >> 64) as usize % BLOCKS;
        let mut bits = [0; WORDS];
        for index in 0..5 {
            let bit = (number >> (index * 9)) as usize % (WORDS * 64);
            bits[bit / 64] |= 1 << (bit % 64);
        }
        Self {
            section,
            block,
            bits,
        }
    }
}

impl UniqueKeyFilter {
    pub(crate) fn new() -> Self {
        Self {
            sections: [const { OnceLock::new() }; SECTIONS],
            is_complete: AtomicBool::new(false),
        }
    }

    pub(crate) fn add(&self, key: UniqueKeyHash) {
        let position = Position::of(key);
        let section = self.sections[position.section].get_or_init(|| {
            let empty = || -> Block { [const { AtomicU64::new(0) }; WORDS] };
            (0..BLOCKS).map(|_| empty()).collect()
        });
        for (word, bits) in section[position.block].iter().zip(position.bits) {
            if bits != 0 {
                word.fetch_or(bits, Ordering::Relaxed);
            }
        }
    }

    /// Marks the filter as complete: all keys of the file are in it from now on.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Whether `key` is certainly not in the file. An incomplete filter excludes nothing.
    pub(crate) fn excludes(&self, key: UniqueKeyHash) -> bool {
        if !self.is_complete() {
            return false;
        }
        let position = Position::of(key);
        let Some(section) = self.sections[position.section].get() else {
            return true;
        };
        section[position.block]
            .iter()
            .zip(position.bits)
            .any(|(word, bits)| word.load(Ordering::Relaxed) & bits != bits)
    }
}

#[cfg(test)]
mod tests {
    use domain::{IdempotencyKey, UserId};

    use super::UniqueKeyFilter;
    use crate::index::hashes::UniqueKeyHash;

    #[test]
    fn an_added_key_is_never_excluded_and_most_others_are() {
        let user = UserId::new("alice").unwrap();
        let key = |number: u32| {
            let key = IdempotencyKey::new(&format!("key-{number}")).unwrap();
            UniqueKeyHash::of_key(&user, &key)
        };
        let filter = UniqueKeyFilter::new();
        assert!(
            !filter.excludes(key(0)),
            "an incomplete filter excludes nothing"
        );
        for number in 0..20_000 {
            filter.add(key(number));
        }
        filter.complete();
        assert!((0..20_000).all(|number| !filter.excludes(key(number))));
        let wrong = (20_000..40_000).filter(|number| !filter.excludes(key(*number)));
        assert!(wrong.count() < 20, "the bits are distributed");
    }
}
