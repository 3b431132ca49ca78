//! Tells, without a look at the file, that a name is not in it: most names that come in are new. A Bloom filter, in
//! memory, filled by the indexer before a name leaves the memtable. A wrong "maybe" costs a lookup; there is no wrong "no".

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::names::NameHash;

/// Sections of the filter, each allocated when the first name falls into it: a store without names pays nothing.
const SECTIONS: usize = 256;
/// A block is what one name touches: a cache line.
const BLOCKS: usize = 1_024;
const WORDS: usize = 8;

/// 16 MiB: one name in a hundred is looked up for nothing at 13 million names, more of them past that.
pub(crate) struct NameFilter {
    sections: [OnceLock<Box<[Block]>>; SECTIONS],
    is_complete: AtomicBool,
}

type Block = [AtomicU64; WORDS];

/// Where the bits of a name are.
struct Place {
    section: usize,
    block: usize,
    bits: [u64; WORDS],
}

impl Place {
    fn of(name: NameHash) -> Self {
        let number = u128::from_be_bytes(name.0);
        // The map of the memtable uses the upper half for its buckets; here each bit of the hash is used once.
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

impl NameFilter {
    pub(crate) fn new() -> Self {
        Self {
            sections: [const { OnceLock::new() }; SECTIONS],
            is_complete: AtomicBool::new(false),
        }
    }

    pub(crate) fn add(&self, name: NameHash) {
        let place = Place::of(name);
        let section = self.sections[place.section].get_or_init(|| {
            let empty = || -> Block { [const { AtomicU64::new(0) }; WORDS] };
            (0..BLOCKS).map(|_| empty()).collect()
        });
        for (word, bits) in section[place.block].iter().zip(place.bits) {
            if bits != 0 {
                word.fetch_or(bits, Ordering::Relaxed);
            }
        }
    }

    /// All names of the file are in the filter from now on.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Whether `name` is certainly not in the file.
    pub(crate) fn excludes(&self, name: NameHash) -> bool {
        if !self.is_complete() {
            return false;
        }
        let place = Place::of(name);
        let Some(section) = self.sections[place.section].get() else {
            return true;
        };
        section[place.block]
            .iter()
            .zip(place.bits)
            .any(|(word, bits)| word.load(Ordering::Relaxed) & bits != bits)
    }
}

#[cfg(test)]
mod tests {
    use domain::{IdempotencyKey, UserId};

    use super::NameFilter;
    use crate::index::names::NameHash;

    #[test]
    fn never_denies_a_name_that_was_added_and_seldom_confirms_another() {
        let user = UserId::new("alice").unwrap();
        let name = |number: u32| {
            let key = IdempotencyKey::new(&format!("key-{number}")).unwrap();
            NameHash::of_key(&user, &key)
        };
        let filter = NameFilter::new();
        assert!(
            !filter.excludes(name(0)),
            "an incomplete filter knows nothing"
        );
        for number in 0..20_000 {
            filter.add(name(number));
        }
        filter.complete();
        assert!((0..20_000).all(|number| !filter.excludes(name(number))));
        let wrong = (20_000..40_000).filter(|number| !filter.excludes(name(*number)));
        assert!(wrong.count() < 20, "the bits are spread");
    }
}
