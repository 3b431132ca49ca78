//! Cursors of lists: opaque to clients, versioned, and bound to the list that they came from. Edges write and read them,
//! each for its own lists; a store only sees the place that they stand for.
//!
//! A cursor holds no secret and grants nothing; its checksum only tells a cursor of this list from anything else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

/// Which list a cursor belongs to: its name and each of its conditions.
#[derive(Debug, Clone)]
pub struct ListCursor {
    scope: Sha256,
}

impl ListCursor {
    /// The cursors of the list `name` under `conditions`, which are always given in the same order.
    #[must_use]
    pub fn of<'c>(name: &str, conditions: impl Iterator<Item = (&'c str, &'c str)>) -> Self {
        let mut scope = Sha256::new();
        let mut text = |text: &str| {
            // Length-prefixed, so that no two lists run into one another.
            scope.update((text.len() as u64).to_be_bytes());
            scope.update(text.as_bytes());
        };
        text(name);
        for (name, value) in conditions {
            text(name);
            text(value);
        }
        Self { scope }
    }

    fn checksum(&self, place: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let mut hash = self.scope.clone();
        hash.update([VERSION]);
        hash.update(place);
        let digest = hash.finalize();
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&digest[..CHECKSUM_BYTES]);
        checksum
    }

    /// The cursor that stands at `place`.
    #[must_use]
    pub fn write(&self, place: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(1 + place.len() + CHECKSUM_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(place);
        bytes.extend_from_slice(&self.checksum(place));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a cursor of this list stands; `None` for anything else.
    #[must_use]
    pub fn read<const N: usize>(&self, text: &str) -> Option<[u8; N]> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (place, checksum) = rest.split_at_checked(N)?;
        let is_ours = *version == VERSION && checksum == self.checksum(place);
        is_ours.then(|| place.try_into().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::ListCursor;

    #[test]
    fn a_cursor_is_read_by_its_own_list_alone_and_only_unchanged() {
        let list = |user: &'static str| ListCursor::of("orders", [("user_id", user)].into_iter());
        let cursor = list("a").write(&[7; 16]);
        assert_eq!(list("a").read(&cursor), Some([7; 16]));
        assert_eq!(list("b").read::<16>(&cursor), None);
        assert_eq!(list("a").read::<4>(&cursor), None);
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(list("a").read::<16>(&changed), None, "{changed}");
        }
        for text in ["", "x", "AQ", "é"] {
            assert_eq!(list("a").read::<16>(text), None);
        }
    }
}
