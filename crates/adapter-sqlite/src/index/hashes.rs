//! The stable hashes by which the index finds orders: by user, and by a unique key (an idempotency key or external id of a
//! user). Every found order is compared with what was searched, so a collision can cost time but never returns a wrong order.

use domain::{ExternalId, IdempotencyKey, UserId};
use sha2::{Digest, Sha256};

/// 64 bits of a user id, or of an external id of any user. It identifies a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserHash(pub(crate) i64);

/// 128 bits of an idempotency key or external id of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UniqueKeyHash(pub(crate) [u8; 16]);

impl UserHash {
    pub(crate) fn of(user: &UserId) -> Self {
        let digest = Sha256::digest(user.as_str().as_bytes());
        Self(i64::from_be_bytes(first(&digest)))
    }

    /// The list of the orders with this external id. It differs from the list of every user, because no user id contains a NUL.
    pub(crate) fn of_external_id(external_id: &ExternalId) -> Self {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(external_id.as_str().as_bytes());
        Self(i64::from_be_bytes(first(&hash.finalize())))
    }

    /// The form in the index.
    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl UniqueKeyHash {
    pub(crate) fn of_key(user: &UserId, key: &IdempotencyKey) -> Self {
        Self::of(b'k', user, key.as_str())
    }

    pub(crate) fn of_external_id(user: &UserId, external_id: &ExternalId) -> Self {
        Self::of(b'x', user, external_id.as_str())
    }

    fn of(kind: u8, user: &UserId, text: &str) -> Self {
        let user = user.as_str().as_bytes();
        let mut hash = Sha256::new();
        hash.update([kind]);
        hash.update((user.len() as u64).to_be_bytes());
        hash.update(user);
        hash.update(text.as_bytes());
        Self(first(&hash.finalize()))
    }
}

impl std::hash::Hash for UniqueKeyHash {
    /// The value is a hash already; half of it is enough.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_be_bytes(first(&self.0)));
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes
        .first_chunk()
        .expect("a digest is longer than its prefix")
}

/// A hasher that returns the bits of a [`UniqueKeyHash`] unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AlreadyHashed(u64);

impl std::hash::Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Orders by unique key.
pub(crate) type UniqueKeyMap = std::collections::HashMap<
    UniqueKeyHash,
    domain::OrderId,
    std::hash::BuildHasherDefault<AlreadyHashed>,
>;
