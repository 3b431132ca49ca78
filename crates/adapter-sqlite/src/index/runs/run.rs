//! A run and the encoding of its entries. It does no I/O but to draw the random number of a run.

use domain::OrderId;
use rusqlite::Connection;

use crate::codec::{Reader, Unreadable, put_number};
use crate::index::hashes::{UniqueKeyHash, UserHash};

/// The bytes of an id, which is the last part of every entry.
pub(super) const ID: usize = 16;

/// What the entries of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Orders by user or by external id: a hash of 64 bits and the id of the order.
    Lists,
    /// Orders by unique key: a hash of 128 bits and the id of the order.
    UniqueKeys,
}

impl Kind {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Lists => 1,
            Self::UniqueKeys => 2,
        }
    }

    /// The bytes of an entry.
    pub(crate) const fn width(self) -> usize {
        match self {
            Self::Lists => 8 + ID,
            Self::UniqueKeys => 16 + ID,
        }
    }

    fn from_code(code: u8) -> Result<Self, Unreadable> {
        match code {
            1 => Ok(Self::Lists),
            2 => Ok(Self::UniqueKeys),
            _ => Err(Unreadable::because("a run of an unknown kind")),
        }
    }
}

/// An entry of a list.
pub(crate) fn list_entry(list: UserHash, id: OrderId) -> [u8; 8 + ID] {
    let mut entry = [0; 8 + ID];
    entry[..8].copy_from_slice(&list.to_bytes());
    entry[8..].copy_from_slice(id.as_bytes());
    entry
}

/// An entry of a unique key.
pub(crate) fn key_entry(key: UniqueKeyHash, id: OrderId) -> [u8; 16 + ID] {
    let mut entry = [0; 16 + ID];
    entry[..16].copy_from_slice(&key.0);
    entry[16..].copy_from_slice(id.as_bytes());
    entry
}

/// The order of an entry.
pub(super) fn order_of(entry: &[u8]) -> OrderId {
    let id = entry.last_chunk().expect("an entry ends with an id");
    OrderId::from_bytes(*id)
}

/// The unique keys of the entries of a block.
pub(crate) fn unique_keys_of(entries: &[u8]) -> impl Iterator<Item = UniqueKeyHash> {
    let (entries, _) = entries.as_chunks::<{ 16 + ID }>();
    entries.iter().map(|entry| {
        let (key, _) = entry.split_at(16);
        UniqueKeyHash(key.try_into().expect("16 bytes were split off"))
    })
}

/// A complete run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// A random number, so that it differs from that of every run of another file or an earlier time.
    pub(super) number: i64,
    pub(crate) kind: Kind,
    pub(super) entries: u64,
    pub(super) oldest: OrderId,
    pub(super) newest: OrderId,
}

impl Run {
    /// Appends the form that is stored in the manifest.
    pub(in crate::index) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.push(self.kind.code());
        put_number(bytes, self.entries);
        bytes.extend_from_slice(self.oldest.as_bytes());
        bytes.extend_from_slice(self.newest.as_bytes());
    }

    pub(in crate::index) fn decode(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            number: i64::from_le_bytes(reader.array()?),
            kind: Kind::from_code(reader.byte()?)?,
            entries: reader.number()?,
            oldest: OrderId::from_bytes(reader.array()?),
            newest: OrderId::from_bytes(reader.array()?),
        })
    }

    pub(crate) const fn number(&self) -> i64 {
        self.number
    }

    #[cfg(test)]
    pub(in crate::index) const fn entries(&self) -> u64 {
        self.entries
    }
}

/// Draws the number of a new run; it is not negative.
pub(crate) fn random_number(connection: &Connection) -> rusqlite::Result<i64> {
    let random: i64 = connection
        .prepare_cached("SELECT random()")?
        .query_row([], |row| row.get(0))?;
    Ok(random & i64::MAX)
}
