//! Which shard owns which home bucket, and the epoch of the map that says so. Map, epoch and the shard's own buckets are
//! written into every shard's schema at the first start; the map is compared at every other one. Called by the store for
//! each write and read; it never asks a server.

use domain::{Bucket, ShardId};

/// How the 4,096 home buckets are divided over the shards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ShardMap {
    /// Bucket modulo the number of shards.
    #[default]
    Spread,
    /// The classic two: users A..M on shard 0, all others on shard 1. Needs exactly two shards.
    Letter,
    /// Stretches of buckets, which together are all of them, each once.
    Ranges(Vec<BucketRange>),
}

/// A stretch of buckets and its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketRange {
    /// The first bucket, 0 to 4095.
    pub first: u16,
    /// The last bucket, itself included.
    pub last: u16,
    /// Whose they are.
    pub shard: ShardId,
}

/// The epoch of a shard's map as this process knows it. Each change of the map increments it, so that no process commits
/// by the map of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapEpoch(pub(crate) i64);

impl MapEpoch {
    /// The epoch as errors show it; the server's are never negative.
    pub(crate) fn number(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

/// The buckets of one shard as they are stored: bit n, from the lowest bit of the first byte on, says whether it owns
/// bucket n.
pub(crate) fn owned_buckets(owners: &[ShardId], shard: ShardId) -> Vec<u8> {
    let byte = |eight: &[ShardId]| {
        let bits = (0..8).zip(eight).filter(|(_, owner)| **owner == shard);
        bits.fold(0, |byte, (bit, _)| byte | 1_u8 << bit)
    };
    owners.chunks(8).map(byte).collect()
}

/// Why a map does not fit the shards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardMapError {
    /// No shard at all.
    #[error("store.shards names no shard")]
    NoShards,
    /// More shards than buckets.
    #[error("store.shards names {0} shards, but there are only 4096 buckets")]
    TooManyShards(usize),
    /// `letter` with any other number of shards than two.
    #[error("store.map = \"letter\" needs exactly two shards, store.shards names {0}")]
    LetterNeedsTwo(usize),
    /// A range of a shard that is not there.
    #[error("store.map gives buckets to shard {0}, which store.shards does not name")]
    UnknownShard(ShardId),
    /// A bucket without a shard, or with two.
    #[error("store.map gives bucket {0} to no shard, or to more than one")]
    NotOnce(u16),
}

impl ShardMap {
    /// The shard of every bucket, by the bucket's number.
    pub(crate) fn owners(&self, shards: usize) -> Result<Vec<ShardId>, ShardMapError> {
        let count = u16::try_from(shards)
            .ok()
            .filter(|count| *count <= Bucket::COUNT)
            .ok_or(ShardMapError::TooManyShards(shards))?;
        if count == 0 {
            return Err(ShardMapError::NoShards);
        }
        match self {
            Self::Spread => Ok((0..Bucket::COUNT)
                .map(|bucket| ShardId(bucket % count))
                .collect()),
            Self::Letter if count != 2 => Err(ShardMapError::LetterNeedsTwo(shards)),
            Self::Letter => Ok((0..Bucket::COUNT)
                .map(|bucket| ShardId(bucket >> 11))
                .collect()),
            Self::Ranges(ranges) => owners_of_ranges(ranges, count),
        }
    }

    /// The text that is kept in each shard. Equal maps have equal texts.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Spread => "spread".to_owned(),
            Self::Letter => "letter".to_owned(),
            Self::Ranges(ranges) => {
                let mut sorted = ranges.clone();
                sorted.sort_unstable();
                let ranges: Vec<_> = sorted
                    .iter()
                    .map(|range| format!("{}-{}={}", range.first, range.last, range.shard))
                    .collect();
                format!("ranges:{}", ranges.join(","))
            }
        }
    }
}

fn owners_of_ranges(ranges: &[BucketRange], count: u16) -> Result<Vec<ShardId>, ShardMapError> {
    let mut owners: Vec<Option<ShardId>> = vec![None; usize::from(Bucket::COUNT)];
    for range in ranges {
        if range.shard.0 >= count {
            return Err(ShardMapError::UnknownShard(range.shard));
        }
        for bucket in range.first..=range.last {
            match owners.get_mut(usize::from(bucket)) {
                Some(owner @ None) => *owner = Some(range.shard),
                Some(Some(_)) | None => return Err(ShardMapError::NotOnce(bucket)),
            }
        }
    }
    (0..Bucket::COUNT)
        .zip(owners)
        .map(|(bucket, owner)| owner.ok_or(ShardMapError::NotOnce(bucket)))
        .collect()
}

#[cfg(test)]
mod tests {
    use domain::{Bucket, ShardId, UserId};

    use super::{BucketRange, ShardMap, ShardMapError, owned_buckets};

    fn range(first: u16, last: u16, shard: u16) -> BucketRange {
        let shard = ShardId(shard);
        BucketRange { first, last, shard }
    }

    #[test]
    fn letter_divides_users_by_their_first_letter() {
        let owners = ShardMap::Letter.owners(2).unwrap();
        let owner = |user: &str| owners[usize::from(Bucket::of(&UserId::new(user).unwrap()).get())];
        assert_eq!(owner("alice"), ShardId(0));
        assert_eq!(owner("Mallory"), ShardId(0));
        assert_eq!(owner("nobody"), ShardId(1));
        assert_eq!(owner("Ünal"), ShardId(1));
        assert_eq!(
            ShardMap::Letter.owners(3),
            Err(ShardMapError::LetterNeedsTwo(3))
        );
    }

    #[test]
    fn each_bucket_is_owned_by_one_shard() {
        let owners = ShardMap::Spread.owners(3).unwrap();
        let owned = [0, 1, 2].map(|shard| owned_buckets(&owners, ShardId(shard)));
        assert_eq!(owned[0][..3], [0b0100_1001, 0b1001_0010, 0b0010_0100]);
        for byte in 0..512 {
            let bytes = owned.each_ref().map(|buckets| buckets[byte]);
            assert_eq!(bytes.iter().fold(0, |all, byte| all | byte), 0xff);
            assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 8);
        }
    }

    #[test]
    fn ranges_must_cover_every_bucket_once() {
        let halves = ShardMap::Ranges(vec![range(2048, 4095, 0), range(0, 2047, 1)]);
        let owners = halves.owners(2).unwrap();
        assert_eq!(
            (owners[2047], owners[2048], owners.len()),
            (ShardId(1), ShardId(0), 4096)
        );
        assert_eq!(halves.text(), "ranges:0-2047=1,2048-4095=0");
        for (ranges, error) in [
            (vec![range(0, 4094, 0)], ShardMapError::NotOnce(4095)),
            (
                vec![range(0, 4095, 0), range(7, 7, 1)],
                ShardMapError::NotOnce(7),
            ),
            (vec![range(0, 4096, 0)], ShardMapError::NotOnce(4096)),
            (
                vec![range(0, 4095, 2)],
                ShardMapError::UnknownShard(ShardId(2)),
            ),
        ] {
            assert_eq!(ShardMap::Ranges(ranges).owners(2), Err(error));
        }
    }

    #[test]
    fn spread_gives_neighbouring_buckets_to_different_shards() {
        let owners = ShardMap::Spread.owners(3).unwrap();
        for (bucket, owner) in (0..Bucket::COUNT).zip(owners) {
            assert_eq!(owner, ShardId(bucket % 3));
        }
        assert_eq!(ShardMap::Spread.owners(0), Err(ShardMapError::NoShards));
    }
}
