//! What the writer finds when the store is opened: the books, and the claims of an earlier process, whose leases
//! ended with it.

use std::time::Duration;

use domain::{OrderId, Status, Version};
use rusqlite::Connection;

use super::books::Books;
use super::leases::{Lease, Leases, Origin};
use crate::codec::log;
use crate::place;
use crate::read::row;

/// The claims of an earlier process, as leases that have run out: the first rescue takes them back.
pub(crate) fn orphaned_claims(connection: &Connection, books: &Books) -> rusqlite::Result<Leases> {
    let mut leases = Leases::default();
    let mut adopt = |id: OrderId, origin: Origin| -> rusqlite::Result<()> {
        let token = claim_token(connection, id)?;
        if let Some(token) = token
            && leases.get(id).is_none()
        {
            let until = Duration::ZERO;
            leases.insert(
                id,
                Lease {
                    token,
                    until,
                    origin,
                },
            );
        }
        Ok(())
    };
    let mut jobs = connection.prepare("SELECT id FROM jobs WHERE claimed = 1")?;
    let mut jobs = jobs.query([])?;
    while let Some(job) = jobs.next()? {
        adopt(OrderId::from_bytes(job.get(0)?), Origin::Job)?;
    }
    let mut stretch = connection
        .prepare("SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq")?;
    let mut stretch = stretch.query([books.settled_through.cast_signed()])?;
    while let Some(found) = stretch.next()? {
        let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
        let bytes = found.get_ref(1)?.as_blob()?;
        let entries = log::entries(last_seq, bytes, books.settled_through)
            .map_err(|error| row::unreadable(1, error))?;
        for entry in entries {
            if entry.is_fresh_work && entry.seq <= books.claimed_through {
                adopt(entry.id, Origin::Fresh(entry.seq))?;
            }
        }
        if last_seq >= books.claimed_through {
            break;
        }
    }
    Ok(leases)
}

/// The token of the claim that holds an order, if one does.
pub(super) fn claim_token(
    connection: &Connection,
    id: OrderId,
) -> rusqlite::Result<Option<Version>> {
    let found: Option<(u8, u32)> =
        place::by_id!("status, version")
            .find(connection, &id, |found| Ok((found.get(0)?, found.get(1)?)))?;
    Ok(found
        .filter(|(status, _)| *status == Status::Processing.code())
        .and_then(|(_, version)| Version::from_number(version)))
}
