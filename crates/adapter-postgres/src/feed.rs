//! Events of a shard: of one order, and along the feed, with or without their orders. The store asks; each call is one
//! statement and so one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::{EventContent, EventPage, SequencedEvent, StoreError};
use domain::{EventPosition, Order, OrderId, Seq, Version};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::rows::{self, EVENT_COLUMNS, ORDER_COLUMNS, Unreadable};
use crate::shard::{Shard, most};

/// The head of the feed beside each of its events.
fn events_after() -> String {
    format!(
        "SELECT s.last_seq, s.last_bits, {EVENT_COLUMNS} FROM shard s LEFT JOIN LATERAL (SELECT * FROM events \
         WHERE seq > $1 ORDER BY seq LIMIT $2) e ON true ORDER BY e.seq"
    )
}

/// As [`events_after`]. The first event of each order that is no tombstone brings the order with it, so that an order comes
/// once however many events it has.
fn events_and_orders_after() -> String {
    format!(
        "SELECT s.last_seq, s.last_bits, {EVENT_COLUMNS}, coalesce(e.nth = 1 AND e.user_id IS NOT NULL, false) AS has_order, \
                {ORDER_COLUMNS} \
         FROM shard s \
         LEFT JOIN LATERAL (SELECT page.*, row_number() OVER (PARTITION BY page.order_id ORDER BY page.seq) AS nth \
                            FROM (SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $2) AS page) e ON true \
         LEFT JOIN orders o ON o.id = e.order_id AND e.nth = 1 AND e.user_id IS NOT NULL \
         ORDER BY e.seq"
    )
}

impl Shard {
    pub(crate) async fn events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        let query = format!(
            "SELECT {EVENT_COLUMNS} FROM orders o LEFT JOIN LATERAL (SELECT * FROM events \
             WHERE order_id = o.id AND version > $2 ORDER BY version LIMIT $3) e ON true \
             WHERE o.id = $1 ORDER BY e.version"
        );
        let after = after.map_or(0, |version| i64::from(version.get()));
        let rows = self
            .rows(&query, &[&id.as_uuid(), &after, &most(limit)])
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.read_all(&rows).map(Some)
    }

    pub(crate) async fn events_after(
        &self,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        let query = match content {
            EventContent::Events => events_after(),
            EventContent::EventsAndOrders => events_and_orders_after(),
        };
        let after = i64::try_from(after.0).unwrap_or(i64::MAX);
        let rows = self.rows(&query, &[&after, &most(limit)]).await?;
        let orders = match content {
            EventContent::Events => BTreeMap::new(),
            EventContent::EventsAndOrders => read_orders(&rows).map_err(|why| self.corrupt(why))?,
        };
        let head = rows.first().map(read_head).transpose();
        Ok(EventPage {
            events: self.read_all(&rows)?,
            orders,
            head: head.map_err(|why| self.corrupt(why))?.unwrap_or_default(),
        })
    }

    pub(crate) async fn event_position(
        &self,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        if seq == Seq(0) {
            return Ok(Some(EventPosition::default()));
        }
        let Ok(number) = i64::try_from(seq.0) else {
            return Ok(None);
        };
        let query = "SELECT bits FROM events WHERE seq = $1";
        let rows = self.rows(query, &[&number]).await?;
        let read = |row: &Row| Ok(rows::position(number, rows::column(row, "bits")?));
        rows.first()
            .map(read)
            .transpose()
            .map_err(|why| self.corrupt(why))
    }

    /// The events of an outer join, without the row that has none.
    fn read_all(&self, rows: &[Row]) -> Result<Vec<SequencedEvent>, StoreError> {
        rows.iter()
            .filter(|row| !matches!(row.try_get::<_, Option<i64>>("seq"), Ok(None)))
            .map(|row| rows::event(row).map_err(|why| self.corrupt(why)))
            .collect()
    }
}

fn read_head(row: &Row) -> Result<EventPosition, Unreadable> {
    let seq = rows::column(row, "last_seq")?;
    Ok(rows::position(seq, rows::column(row, "last_bits")?))
}

/// The orders of [`events_and_orders_after`].
fn read_orders(found: &[Row]) -> Result<BTreeMap<OrderId, Arc<Order>>, Unreadable> {
    let mut orders = BTreeMap::new();
    for row in found {
        if !rows::column(row, "has_order")? {
            continue;
        }
        if rows::column::<Option<Uuid>>(row, "id")?.is_none() {
            let event = rows::event(row)?;
            return Err(format!(
                "event {} is no tombstone, but order {} is not there",
                event.seq, event.event.order_id
            ));
        }
        let order = rows::order(row)?;
        orders.insert(order.id, Arc::new(order));
    }
    Ok(orders)
}
