//! The round of a lane over the home buckets. `due` takes from a lane with it, and the broken store that restarts its round.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use application::ports::PER_BUCKET;
use domain::Bucket;

/// How far a lane's round over the home buckets has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BucketRound {
    /// The bucket that had its turn last.
    last: Option<Bucket>,
}

impl BucketRound {
    /// The bucket whose turn is next among the keys of `lane`; `None` if there is none. It counts as the last one from then
    /// on.
    pub(crate) fn next<T>(&mut self, lane: &BTreeMap<Bucket, T>) -> Option<Bucket> {
        let after = self.last.map_or(Unbounded, Excluded);
        let following = lane.range((after, Unbounded)).next();
        let (bucket, _) = following.or_else(|| lane.first_key_value())?;
        self.last = Some(*bucket);
        Some(*bucket)
    }

    /// Takes up to `wanted` of `due`, which are in the order in which they are due: round the buckets, at most [`PER_BUCKET`]
    /// of each at its turn.
    pub(crate) fn take<T>(
        &mut self,
        due: impl Iterator<Item = (Bucket, T)>,
        wanted: usize,
    ) -> Vec<T> {
        let mut lane: BTreeMap<Bucket, VecDeque<T>> = BTreeMap::new();
        for (bucket, work) in due {
            lane.entry(bucket).or_default().push_back(work);
        }
        let mut taken = Vec::new();
        while taken.len() < wanted
            && let Some(bucket) = self.next(&lane)
        {
            let of_bucket = lane.entry(bucket).or_default();
            let turn = PER_BUCKET.min(wanted - taken.len()).min(of_bucket.len());
            taken.extend(of_bucket.drain(..turn));
            if of_bucket.is_empty() {
                lane.remove(&bucket);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::BucketRound;
    use domain::Bucket;

    #[test]
    fn a_round_gives_every_bucket_its_turn_and_goes_on_where_it_stopped() {
        let bucket = |number| Bucket::from_number(number).unwrap();
        let flood = (0..9).map(|n| (bucket(7), n));
        let due: Vec<_> = flood.chain([(bucket(3), 10), (bucket(9), 11)]).collect();
        let mut round = BucketRound::default();
        assert_eq!(round.take(due.clone().into_iter(), 4), [10, 0, 1, 11]);
        assert_eq!(round.take(due.clone().into_iter(), 6), [10, 0, 1, 11, 2, 3]);
        assert_eq!(round.take(due.into_iter(), 2), [11, 10]);
        assert!(round.take(std::iter::empty::<(Bucket, u8)>(), 2).is_empty());
    }
}
