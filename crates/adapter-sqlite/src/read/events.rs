//! Reads events: of one order, and of the whole store in log order.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use application::ports::SequencedEvent;
use domain::{Event, EventPosition, Order, OrderId, Seq};
use rusqlite::{Connection, OptionalExtension};

use super::ReadConnection;
use crate::codec::{Unreadable, history, log};
use crate::order_row;
use crate::rowid;

type Found = Vec<(Seq, Arc<Event>)>;

/// The events of an order.
enum History {
    Of(Found),
    /// The order was erased; the events are tombstones.
    Erased(Found),
}

impl ReadConnection {
    /// The events of an order with a version above `after`; `None` for an unknown or erased order.
    pub(crate) fn events(
        &self,
        id: OrderId,
        after: u32,
        limit: usize,
    ) -> rusqlite::Result<Option<Vec<SequencedEvent>>> {
        let Some(History::Of(found)) = load_history(&self.orders, id, after, limit)? else {
            return Ok(None);
        };
        let mut commit = LoggedCommit::default();
        let mut events = Vec::with_capacity(found.len());
        for (seq, event) in found {
            if seq.0 > commit.last_seq {
                commit = LoggedCommit::of(&self.orders, seq)?.ok_or_else(|| not_logged(seq, id))?;
            }
            let bits = commit.bits;
            events.push(SequencedEvent { seq, bits, event });
        }
        Ok(Some(events))
    }

    /// The position of the event with this sequence number; `None` if it is after the end of the log.
    pub(crate) fn event_position(&self, seq: Seq) -> rusqlite::Result<Option<EventPosition>> {
        let commit = LoggedCommit::of(&self.orders, seq)?;
        Ok(commit.map(|commit| EventPosition {
            seq,
            bits: commit.bits,
        }))
    }

    /// At most `limit` events of the log after `after`.
    pub(crate) fn events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<SequencedEvent>> {
        // The log and all histories are read in one snapshot.
        let mut events = Vec::new();
        let mut histories: HashMap<OrderId, Found> = HashMap::new();
        let mut statement = self.orders.prepare_cached(
            "SELECT last_seq, bits, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq",
        )?;
        let mut rows = statement.query([after.cast_signed()])?;
        'log: while let Some(found) = rows.next()? {
            let last_seq = found.get::<_, i64>(0)?.cast_unsigned();
            let bits = found.get(1)?;
            let bytes = found.get_ref(2)?.as_blob()?;
            let entries = log::entries(last_seq, bytes, after)
                .map_err(|error| order_row::unreadable(2, error))?;
            for entry in entries {
                if events.len() >= limit {
                    break 'log;
                }
                if let std::collections::hash_map::Entry::Vacant(vacant) = histories.entry(entry.id)
                {
                    let all = load_history(&self.orders, entry.id, 0, usize::MAX)?;
                    vacant.insert(all.map(History::into_events).unwrap_or_default());
                }
                events.push(event_of(&histories[&entry.id], &entry, bits)?);
            }
        }
        Ok(events)
    }

    /// As [`ReadConnection::events_after`], with the orders of the events that are no tombstones, of the same snapshot.
    pub(crate) fn events_with_orders_after(
        &self,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<(Vec<SequencedEvent>, Orders)> {
        let events = self.events_after(after, limit)?;
        let mut orders = Orders::new();
        for found in events.iter().filter(|found| !found.event.is_tombstone()) {
            let id = found.event.order_id;
            if let Entry::Vacant(place) = orders.entry(id) {
                let order = self.get(id)?.ok_or_else(|| without_order(found.seq, id))?;
                place.insert(order);
            }
        }
        Ok((events, orders))
    }
}

/// Orders of a page of events.
type Orders = BTreeMap<OrderId, Arc<Order>>;

/// A row of the log, without its entries.
#[derive(Default)]
struct LoggedCommit {
    last_seq: u64,
    bits: u32,
}

impl LoggedCommit {
    /// The commit that wrote the event with this sequence number; `None` if it is after the end of the log.
    fn of(orders: &Connection, seq: Seq) -> rusqlite::Result<Option<Self>> {
        orders
            .prepare_cached(
                "SELECT last_seq, bits FROM log WHERE last_seq >= ?1 ORDER BY last_seq LIMIT 1",
            )?
            .query_row([seq.0.cast_signed()], |found| {
                Ok(Self {
                    last_seq: found.get::<_, i64>(0)?.cast_unsigned(),
                    bits: found.get(1)?,
                })
            })
            .optional()
    }
}

impl History {
    fn into_events(self) -> Found {
        match self {
            Self::Of(events) | Self::Erased(events) => events,
        }
    }
}

fn event_of(history: &Found, entry: &log::Entry, bits: u32) -> rusqlite::Result<SequencedEvent> {
    let seq = Seq(entry.seq);
    let index = (entry.version as usize).wrapping_sub(1);
    match history.get(index) {
        Some((at, event)) if *at == seq => Ok(SequencedEvent {
            seq,
            bits,
            event: Arc::clone(event),
        }),
        _ => Err(order_row::unreadable(
            1,
            Unreadable::because(format!(
                "event {seq} of the log is not in the history of order {}",
                entry.id
            )),
        )),
    }
}

fn not_logged(seq: Seq, id: OrderId) -> rusqlite::Error {
    let reason = format!("event {seq} of order {id} is not in the log");
    order_row::unreadable(0, Unreadable::because(reason))
}

fn without_order(seq: Seq, id: OrderId) -> rusqlite::Error {
    let reason = format!("event {seq} is no tombstone, but order {id} is not there");
    order_row::unreadable(0, Unreadable::because(reason))
}

fn load_history(
    orders: &Connection,
    id: OrderId,
    after: u32,
    limit: usize,
) -> rusqlite::Result<Option<History>> {
    rowid::by_id!("status, history, facts").find(orders, &id, |found| {
        let is_erased = order_row::status(found, 0)?.is_none();
        let facts = (!is_erased)
            .then(|| order_row::facts(found, 2))
            .transpose()?;
        let user_id = facts.map(|facts| facts.user_id);
        let bytes = found.get_ref(1)?.as_blob()?;
        let events = history::decode(id, user_id.as_ref(), bytes, after, limit)
            .map_err(|error| order_row::unreadable(1, error))?;
        Ok(if is_erased {
            History::Erased(events)
        } else {
            History::Of(events)
        })
    })
}
