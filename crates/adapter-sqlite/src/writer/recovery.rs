//! What the writer finds when the store is opened: new orders that wait in the log, and the claims of an earlier process,
//! whose leases ended with it. It searches the log behind the watermarks.

use std::time::Duration;

use domain::{OrderId, Status, Timestamp, Version};
use rusqlite::{Connection, OptionalExtension};

use super::books::Books;
use super::fresh::{FreshWindow, FreshWork};
use super::leases::{Lease, Leases, Origin};
use crate::codec::log::{self, Entry};
use crate::place;
use crate::read::row;
use crate::waits::CLAIMED;

/// How far an order has got.
enum Standing {
    /// It was never claimed and waits in the log.
    Waits,
    /// A claim with this token holds it.
    Claimed(Version),
    /// It waits among the jobs, for a person, or for nothing.
    Other,
}

/// The new orders that wait in the log, at most `window` before others go to the jobs, and the claims of an earlier process,
/// as leases that have run out: the first rescue takes them back.
pub(crate) fn recover(
    connection: &Connection,
    books: &mut Books,
    window: usize,
    now: Timestamp,
) -> rusqlite::Result<(FreshWindow, Leases)> {
    let mut leases = Leases::default();
    let mut claimed = connection.prepare("SELECT id FROM jobs WHERE state = ?1")?;
    let mut claimed = claimed.query([CLAIMED])?;
    while let Some(job) = claimed.next()? {
        let id = OrderId::from_bytes(job.get(0)?);
        if let Some(token) = claim_token(connection, id)? {
            leases.insert(id, run_out(token, Origin::Job));
        }
    }
    let (mut waiting, mut not_read) = (Vec::new(), Vec::new());
    search_log(connection, books.settled_through, |entry| {
        if entry.seq > books.claimed_up_to {
            not_read.push(entry);
            return Ok(());
        }
        match standing(connection, entry.id)? {
            Standing::Waits if entry.seq > books.claimed_through => waiting.push(entry),
            Standing::Claimed(token) if leases.get(entry.id).is_none() => {
                leases.insert(entry.id, run_out(token, Origin::Fresh(entry.seq)));
            }
            Standing::Waits | Standing::Claimed(_) | Standing::Other => {}
        }
        Ok(())
    })?;
    // If as many orders wait as were counted, none of them has moved on.
    let is_complete = (waiting.len() + not_read.len()) as u64 == books.fresh_waiting;
    for entry in not_read {
        if is_complete || matches!(standing(connection, entry.id)?, Standing::Waits) {
            waiting.push(entry);
        }
    }
    books.fresh_waiting = waiting.len() as u64;
    let mut fresh = FreshWindow::new(window);
    for Entry { seq, id, .. } in waiting {
        let due = created_at(id).unwrap_or(now);
        let order = None;
        fresh.add(FreshWork {
            seq,
            id,
            due,
            order,
        });
    }
    Ok((fresh, leases))
}

/// When an order was created, which its id tells; `None` if that is no time.
fn created_at(id: OrderId) -> Option<Timestamp> {
    let (high, _) = id.as_uuid().as_u64_pair();
    Timestamp::from_millis(high >> 16).ok()
}

fn run_out(token: Version, origin: Origin) -> Lease {
    Lease {
        token,
        until: Duration::ZERO,
        origin,
    }
}

/// Looks at each new order of the log behind `after` whose work was due when it was committed.
fn search_log(
    connection: &Connection,
    after: u64,
    mut look: impl FnMut(Entry) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut rows = connection
        .prepare("SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq")?;
    let mut rows = rows.query([after.cast_signed()])?;
    while let Some(found) = rows.next()? {
        let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
        let bytes = found.get_ref(1)?.as_blob()?;
        let entries =
            log::entries(last_seq, bytes, after).map_err(|error| row::unreadable(1, error))?;
        for entry in entries.filter(|entry| entry.is_fresh_work) {
            look(entry)?;
        }
    }
    Ok(())
}

fn standing(connection: &Connection, id: OrderId) -> rusqlite::Result<Standing> {
    let found: Option<(u8, u32)> =
        place::by_id!("status, version")
            .find(connection, &id, |found| Ok((found.get(0)?, found.get(1)?)))?;
    let Some((status, version)) = found else {
        return Ok(Standing::Other);
    };
    let version = Version::from_number(version);
    if status == Status::Processing.code() {
        Ok(version.map_or(Standing::Other, Standing::Claimed))
    } else if status == Status::Pending.code() && version == Some(Version::FIRST) {
        let job = connection
            .prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?
            .query_row([id.as_bytes()], |_| Ok(()))
            .optional()?;
        Ok(job.map_or(Standing::Waits, |()| Standing::Other))
    } else {
        Ok(Standing::Other)
    }
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
