//! The entries of a log row: the order and version of each event, in the order of the sequence numbers.

use domain::OrderId;

use super::Unreadable;

/// The bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 20;

/// A flag beside the version: the entry is a new order that was committed as unclaimed and has no row in the table `jobs`.
const QUEUED: u32 = 1 << 31;

/// An event of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) id: OrderId,
    pub(crate) version: u32,
    pub(crate) is_queued: bool,
}

pub(crate) fn put(bytes: &mut Vec<u8>, id: OrderId, version: u32, is_queued: bool) {
    let version = if is_queued { version | QUEUED } else { version };
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&version.to_le_bytes());
}

/// The entries after the sequence number `after` in the row of `last_seq`, ascending.
pub(crate) fn entries(
    last_seq: u64,
    bytes: &[u8],
    after: u64,
) -> Result<impl Iterator<Item = Entry>, Unreadable> {
    let (chunks, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    let before_first = last_seq.checked_sub(chunks.len() as u64);
    let (Some(before_first), []) = (before_first, rest) else {
        return Err(Unreadable::because("a log row of a wrong length"));
    };
    let skip = usize::try_from(after.saturating_sub(before_first)).unwrap_or(usize::MAX);
    let entries = chunks.iter().enumerate().skip(skip);
    Ok(entries.map(move |(index, chunk)| {
        let mut id = [0; 16];
        id.copy_from_slice(&chunk[..16]);
        let version = u32::from_le_bytes([chunk[16], chunk[17], chunk[18], chunk[19]]);
        Entry {
            seq: before_first + 1 + index as u64,
            id: OrderId::from_bytes(id),
            version: version & !QUEUED,
            is_queued: version & QUEUED != 0,
        }
    }))
}
