//! Events: of one order, and of the whole store along the log.

use std::collections::HashMap;
use std::sync::Arc;

use application::ports::SequencedEvent;
use domain::{Event, OrderId, Seq};
use rusqlite::{Connection, OptionalExtension};

use super::{ReadConnection, row};
use crate::codec::{Unreadable, history, log};
use crate::place;

type Found = Vec<(Seq, Arc<Event>)>;

impl ReadConnection {
    /// The events of an order with a version above `after`; `None` for an unknown order.
    pub(crate) fn events(
        &self,
        id: OrderId,
        after: u32,
        limit: usize,
    ) -> rusqlite::Result<Option<Vec<SequencedEvent>>> {
        let found = load_history(&self.orders, id, after, limit)?;
        Ok(found.map(|events| {
            events
                .into_iter()
                .map(|(seq, event)| SequencedEvent { seq, event })
                .collect()
        }))
    }

    /// The events of the log after `after`, at most `limit`.
    pub(crate) fn events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<SequencedEvent>> {
        // The log and all histories are of one snapshot.
        let mut events = Vec::new();
        let mut histories: HashMap<OrderId, Found> = HashMap::new();
        let mut statement = self.orders.prepare_cached(
            "SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq",
        )?;
        let mut rows = statement.query([after.cast_signed()])?;
        'log: while let Some(found) = rows.next()? {
            let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
            let bytes = found.get_ref(1)?.as_blob()?;
            let entries =
                log::entries(last_seq, bytes, after).map_err(|error| row::unreadable(1, error))?;
            for entry in entries {
                if events.len() >= limit {
                    break 'log;
                }
                if let std::collections::hash_map::Entry::Vacant(place) = histories.entry(entry.id)
                {
                    let all = load_history(&self.orders, entry.id, 0, usize::MAX)?;
                    place.insert(all.unwrap_or_default());
                }
                events.push(event_of(&histories[&entry.id], &entry)?);
            }
        }
        Ok(events)
    }
}

fn event_of(history: &Found, entry: &log::Entry) -> rusqlite::Result<SequencedEvent> {
    let seq = Seq(entry.seq);
    let index = (entry.version as usize).wrapping_sub(1);
    match history.get(index) {
        Some((at, event)) if *at == seq => Ok(SequencedEvent {
            seq,
            event: Arc::clone(event),
        }),
        _ => Err(row::unreadable(
            1,
            Unreadable::because(format!(
                "event {seq} of the log is not in the history of order {}",
                entry.id
            )),
        )),
    }
}

fn load_history(
    orders: &Connection,
    id: OrderId,
    after: u32,
    limit: usize,
) -> rusqlite::Result<Option<Found>> {
    orders
        .prepare_cached(concat!(
            "SELECT history, facts FROM orders WHERE ",
            place::is_order!()
        ))?
        .query_row(place::key(&id), |found| {
            let facts = row::facts(found, 1)?;
            let bytes = found.get_ref(0)?.as_blob()?;
            history::decode(id, &facts.user_id, bytes, after, limit)
                .map_err(|error| row::unreadable(0, error))
        })
        .optional()
}
