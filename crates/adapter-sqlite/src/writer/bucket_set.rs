//! A set of home buckets with a fast search for the next one: a bit for each of the 4,096 buckets.

use domain::Bucket;

const WORDS: usize = Bucket::COUNT as usize / u64::BITS as usize;

pub(crate) struct BucketSet {
    words: [u64; WORDS],
}

impl Default for BucketSet {
    fn default() -> Self {
        Self { words: [0; WORDS] }
    }
}

impl BucketSet {
    pub(crate) fn insert(&mut self, bucket: Bucket) {
        let (word, bit) = position(bucket.get());
        self.words[word] |= bit;
    }

    pub(crate) fn remove(&mut self, bucket: Bucket) {
        let (word, bit) = position(bucket.get());
        self.words[word] &= !bit;
    }

    /// The first bucket after `after`, or the first of all if it is `None`; `None` if there is no further one.
    pub(crate) fn next(&self, after: Option<Bucket>) -> Option<Bucket> {
        let from = after.map_or(0, |after| after.get() + 1);
        let (first, bit) = position(from);
        // The bits at and after the position.
        let mut mask = !(bit - 1);
        for (word, bits) in self.words.iter().enumerate().skip(first) {
            let found = bits & mask;
            if found != 0 {
                let number = word as u32 * u64::BITS + found.trailing_zeros();
                return Bucket::from_number(number as u16);
            }
            mask = u64::MAX;
        }
        None
    }
}

/// The word of a number, and the bit in that word.
const fn position(number: u16) -> (usize, u64) {
    let number = number as u32;
    ((number / u64::BITS) as usize, 1 << (number % u64::BITS))
}

#[cfg(test)]
mod tests {
    use domain::Bucket;

    use super::BucketSet;

    #[test]
    fn each_bucket_is_followed_by_the_next_one() {
        let numbers = [0, 1, 63, 64, 130, 4_095];
        let bucket = |number| Bucket::from_number(number).unwrap();
        let mut set = BucketSet::default();
        assert_eq!(set.next(None), None);
        for number in numbers.into_iter().rev() {
            set.insert(bucket(number));
        }
        let mut found = Vec::new();
        let mut last = None;
        while let Some(next) = set.next(last) {
            found.push(next.get());
            last = Some(next);
        }
        assert_eq!(found, numbers);
        set.remove(bucket(64));
        assert_eq!(set.next(Some(bucket(63))), Some(bucket(130)));
        assert_eq!(set.next(Some(bucket(129))), Some(bucket(130)));
        set.remove(bucket(0));
        assert_eq!(set.next(None), Some(bucket(1)));
    }
}
