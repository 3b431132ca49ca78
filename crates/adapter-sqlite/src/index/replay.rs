//! Replaying the log into an index file: reads the orders of the log after the position of the file, and adds them. The
//! indexer calls it when it opens or rebuilds a file. It never writes orders.

use domain::{EventPosition, OrderId, Seq};
use rusqlite::{Connection, OptionalExtension};

use super::file::IndexFile;
use super::hashes::{UniqueKeyHash, UserHash};
use super::memtable::Segment;
use crate::codec::{self, log};
use crate::order_row;
use crate::rowid;

/// About the number of orders that are added in one transaction.
const SLICE: usize = 65_536;

/// Why the log could not be replayed. The store continues until the memtable is full.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Unreadable(#[from] codec::Unreadable),
    #[error(transparent)]
    Folder(#[from] std::io::Error),
    #[error("the log ends at event {end}, before its head, event {head}")]
    LogEndsEarly { end: Seq, head: Seq },
}

/// Whether a position is that of a commit in this log. The position before the first event is in every log.
pub(crate) fn is_in_log(orders: &Connection, position: EventPosition) -> rusqlite::Result<bool> {
    let bits: Option<u32> = orders
        .prepare_cached("SELECT bits FROM log WHERE last_seq = ?1")?
        .query_row([position.seq.0.cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(position == EventPosition::default() || bits == Some(position.bits))
}

/// Adds all orders of the log after the position of the file, up to `head`.
pub(crate) fn catch_up(
    orders: &Connection,
    file: &mut IndexFile,
    head: u64,
) -> Result<(), IndexError> {
    while file.through().seq.0 < head {
        catch_up_slice(orders, file, head)?;
    }
    Ok(())
}

/// Adds the next slice of orders of the log, up to `head`.
pub(crate) fn catch_up_slice(
    orders: &Connection,
    file: &mut IndexFile,
    head: u64,
) -> Result<(), IndexError> {
    let from = file.through().seq;
    let mut segment = Segment {
        through: file.through(),
        ..Segment::default()
    };
    let mut rows = orders.prepare_cached(
        "SELECT last_seq, bits, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq",
    )?;
    let mut rows = rows.query([from.0.cast_signed()])?;
    while segment.users.len() < SLICE
        && segment.through.seq.0 < head
        && let Some(log_row) = rows.next()?
    {
        let last_seq = log_row.get::<_, i64>(0)?.cast_unsigned();
        let bytes = log_row
            .get_ref(2)?
            .as_blob()
            .map_err(rusqlite::Error::from)?;
        for entry in log::entries(last_seq, bytes, 0)? {
            if entry.version == 1 {
                add_order(orders, entry.id, &mut segment)?;
            }
        }
        segment.through = EventPosition {
            seq: Seq(last_seq),
            bits: log_row.get(1)?,
        };
    }
    drop(rows);
    if segment.through.seq > from {
        file.add(&segment)?;
    } else if from.0 < head {
        return Err(IndexError::LogEndsEarly {
            end: from,
            head: Seq(head),
        });
    }
    Ok(())
}

fn add_order(orders: &Connection, id: OrderId, segment: &mut Segment) -> Result<(), IndexError> {
    let facts = rowid::by_id!("status, facts").find(orders, &id, |found| {
        let status = order_row::status(found, 0)?;
        status.map(|_| order_row::facts(found, 1)).transpose()
    })?;
    // An erased order has no entries: another order may have its unique keys.
    let Some(facts) = facts.flatten() else {
        return Ok(());
    };
    let user = &facts.user_id;
    segment.push(UserHash::of(user), id);
    if let Some(key) = &facts.key {
        segment
            .unique_keys
            .insert(UniqueKeyHash::of_key(user, key), id);
    }
    if let Some(external_id) = &facts.external_id {
        segment.push(UserHash::of_external_id(external_id), id);
        segment
            .unique_keys
            .insert(UniqueKeyHash::of_external_id(user, external_id), id);
    }
    Ok(())
}
