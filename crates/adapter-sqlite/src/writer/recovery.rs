//! Recovery at the start: finds the unclaimed orders of the log, and the claims of the previous process, whose leases ended
//! with it. It searches the log behind the watermarks and changes nothing.

use std::time::Duration;

use domain::{OrderId, Status, Version};
use rusqlite::{Connection, OptionalExtension};

use super::counters::CheckpointCounters;
use super::leases::{Lease, Leases, Origin};
use super::unclaimed::{UnclaimedOrder, UnclaimedWindow};
use crate::codec::log::{self, Entry};
use crate::job_state::CLAIMED;
use crate::order_row;
use crate::rowid;

/// The state of an order that has a log entry.
enum LoggedState {
    /// It was never claimed and waits in the log.
    Unclaimed,
    /// It is claimed with this token.
    Claimed(Version),
    /// It has a job, waits for a person, or is final.
    Other,
}

/// Returns the unclaimed orders of the log, with a window for `window` of them, and the claims of the previous process as
/// expired leases, which the first rescue takes back. Corrects `counters.unclaimed`.
pub(crate) fn recover(
    connection: &Connection,
    counters: &mut CheckpointCounters,
    window: usize,
) -> rusqlite::Result<(UnclaimedWindow, Leases)> {
    let mut leases = Leases::default();
    let mut claimed = connection.prepare("SELECT id FROM jobs WHERE state = ?1")?;
    let mut claimed = claimed.query([CLAIMED])?;
    while let Some(job) = claimed.next()? {
        let id = OrderId::from_bytes(job.get(0)?);
        if let Some(token) = claim_token(connection, id)? {
            leases.insert(id, expired(token, Origin::Job));
        }
    }
    let (mut unclaimed, mut unread) = (Vec::new(), Vec::new());
    search_log(connection, counters.settled_through, |entry| {
        if entry.seq > counters.claimed_up_to {
            unread.push(entry);
            return Ok(());
        }
        match logged_state(connection, entry.id)? {
            LoggedState::Unclaimed if entry.seq > counters.claimed_through => unclaimed.push(entry),
            LoggedState::Claimed(token) if leases.get(entry.id).is_none() => {
                leases.insert(entry.id, expired(token, Origin::Log(entry.seq)));
            }
            LoggedState::Unclaimed | LoggedState::Claimed(_) | LoggedState::Other => {}
        }
        Ok(())
    })?;
    // If the number matches the counter, all of them are unclaimed, and their rows need not be read.
    let is_exact = (unclaimed.len() + unread.len()) as u64 == counters.unclaimed;
    for entry in unread {
        if is_exact || matches!(logged_state(connection, entry.id)?, LoggedState::Unclaimed) {
            unclaimed.push(entry);
        }
    }
    counters.unclaimed = unclaimed.len() as u64;
    let mut found = UnclaimedWindow::new(window);
    for Entry { seq, id, .. } in unclaimed {
        let order = None;
        found.add(UnclaimedOrder { seq, id, order });
    }
    Ok((found, leases))
}

fn expired(token: Version, origin: Origin) -> Lease {
    Lease {
        token,
        until: Duration::ZERO,
        origin,
    }
}

/// Calls `visit` for each log entry after `after` of a new order that was committed as unclaimed.
fn search_log(
    connection: &Connection,
    after: u64,
    mut visit: impl FnMut(Entry) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut rows = connection
        .prepare("SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq")?;
    let mut rows = rows.query([after.cast_signed()])?;
    while let Some(found) = rows.next()? {
        let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
        let bytes = found.get_ref(1)?.as_blob()?;
        let entries = log::entries(last_seq, bytes, after)
            .map_err(|error| order_row::unreadable(1, error))?;
        for entry in entries.filter(|entry| entry.is_queued) {
            visit(entry)?;
        }
    }
    Ok(())
}

fn logged_state(connection: &Connection, id: OrderId) -> rusqlite::Result<LoggedState> {
    let Some((status, version)) = status_and_version(connection, id)? else {
        return Ok(LoggedState::Other);
    };
    if status == Status::Processing.code() {
        Ok(version.map_or(LoggedState::Other, LoggedState::Claimed))
    } else if status == Status::Pending.code() && version == Some(Version::FIRST) {
        let job = connection
            .prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?
            .query_row([id.as_bytes()], |_| Ok(()))
            .optional()?;
        Ok(job.map_or(LoggedState::Unclaimed, |()| LoggedState::Other))
    } else {
        Ok(LoggedState::Other)
    }
}

/// The token of the claim of an order; `None` if it is not claimed.
pub(super) fn claim_token(
    connection: &Connection,
    id: OrderId,
) -> rusqlite::Result<Option<Version>> {
    let found = status_and_version(connection, id)?;
    Ok(found
        .filter(|(status, _)| *status == Status::Processing.code())
        .and_then(|(_, version)| version))
}

fn status_and_version(
    connection: &Connection,
    id: OrderId,
) -> rusqlite::Result<Option<(u8, Option<Version>)>> {
    rowid::by_id!("status, version").find(connection, &id, |found| {
        Ok((found.get(0)?, Version::from_number(found.get(1)?)))
    })
}
