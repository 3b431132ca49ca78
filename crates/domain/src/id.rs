//! The names of things: orders, their home buckets, versions, events, shards.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::text::UserId;
use crate::time::Timestamp;

/// Names an order: a UUIDv7 (RFC 9562) whose 48-bit time is `created_at` and whose 12 `rand_a` bits are the
/// order's home bucket, so that order by id is order by time and an id tells where its order lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(Uuid);

/// The text is not a hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a UUID such as 0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11")]
pub struct OrderIdError;

impl OrderId {
    /// The id of an order of `user` created at `created_at`; `random` fills the low 62 bits (RFC 9562 `rand_b`).
    #[must_use]
    pub fn new(created_at: Timestamp, user: &UserId, random: u64) -> Self {
        let high = (created_at.as_millis() << 16) | 0x7000 | u64::from(Bucket::of(user).get());
        let low = (0b10 << 62) | (random >> 2);
        Self(Uuid::from_u64_pair(high, low))
    }

    /// Reads the hyphenated form. Any UUID version is well-formed here: what we did not make is simply not found.
    ///
    /// # Errors
    /// Where the text is anything else.
    pub fn parse(text: &str) -> Result<Self, OrderIdError> {
        if text.len() != 36 {
            return Err(OrderIdError);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| OrderIdError)
    }

    /// The id with these 16 bytes, as a store keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes, whose order is the order of ids.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// The 12 bits that say where the order lives. Of a foreign UUID it is some bucket, where it is not found.
    #[must_use]
    pub const fn bucket(&self) -> Bucket {
        let bytes = self.0.as_bytes();
        Bucket((((bytes[6] & 0x0f) as u16) << 8) | bytes[7] as u16)
    }

    /// The smallest id of any order created at `at` or later: the bound of a range by time.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        Self(Uuid::from_u64_pair(at.as_millis() << 16, 0))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of 4,096 groups of users. It comes from the user id alone, by a rule that never changes, so that a user's
/// orders live together and a bucket can move between shards without any id changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// How many there are.
    pub const COUNT: u16 = 4096;

    /// The home bucket of a user: bit 11 is 0 where the first byte, upper-cased, is A..M, else 1; bits 10-0 are
    /// the first 11 bits of SHA-256 of the user id.
    #[must_use]
    pub fn of(user: &UserId) -> Self {
        let digest = Sha256::digest(user.as_str().as_bytes());
        let hashed = (u16::from(digest[0]) << 3) | (u16::from(digest[1]) >> 5);
        let first = user
            .as_str()
            .as_bytes()
            .first()
            .map_or(0, u8::to_ascii_uppercase);
        let letter = if first.is_ascii_uppercase() && first <= b'M' {
            0
        } else {
            1 << 11
        };
        Self(letter | hashed)
    }

    /// The bucket with this number, where there is one.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        if number < Self::COUNT {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number, 0 to 4095.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the users' ids begin with A..M; the classic two-shard split.
    #[must_use]
    pub const fn is_first_half_of_alphabet(self) -> bool {
        self.0 & (1 << 11) == 0
    }
}

/// Counts an order's changes: 1 when it is created, then one more a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(u32);

impl Version {
    /// The version of a fresh order.
    pub const FIRST: Self = Self(1);

    /// The version with this number; 0 is none.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        if number == 0 {
            None
        } else {
            Some(Self(number))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names an event: `<order_id>:<version>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Whose change it was.
    pub order_id: OrderId,
    /// Which change it was.
    pub version: Version,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.order_id, self.version)
    }
}

/// Names a shard of the store, counted from 0 in the order of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event in its shard: 1, 2, 3... in commit order, without gaps; 0 is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a shard's history: an event's number and the 32 random bits that were stored with it.
///
/// The bits tell histories apart: after an older backup is restored, the same numbers are given to other events, with
/// other bits, so a cursor from before is recognised. Number 0, before the first event, has bits 0 in every history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EventPosition {
    /// The event's number.
    pub seq: Seq,
    /// The random bits of the event with that number.
    pub bits: u32,
}
