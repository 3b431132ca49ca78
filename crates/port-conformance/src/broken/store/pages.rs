//! How a broken store spoils positions and pages of events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{EventContent, EventPage, SequencedEvent, StoreError};
use domain::{Event, EventPosition, Seq, ShardId};

use super::BrokenStore;
use crate::broken::Fault;

/// The event that comes late, and how far the shard has got when it comes.
const LATE: Seq = Seq(5);
const APPEARS_AT: Seq = Seq(60);

impl BrokenStore {
    /// A page of all the shard's events after they were spoilt together, numbered afresh: every page tells the same lie.
    pub(super) async fn page_of_spoilt(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let whole = self
            .healthy
            .events_after(shard, Seq(0), 100_000, EventContent::Events)
            .await?;
        let mut events: Vec<(u32, Arc<Event>)> = whole
            .events
            .into_iter()
            .map(|found| (found.bits, found.event))
            .collect();
        let late = usize::try_from(LATE.0).expect("a small number") - 1;
        if self.fault == Fault::MisnumberedEvents {
            // No reader sees the right order before: the numbers are wrong from the beginning and never change.
            if events.len() > late + 2 {
                events.swap(late, late + 2);
            } else {
                events.truncate(late);
            }
        } else if self.fault == Fault::HiddenLateCommit
            && whole.head.seq < APPEARS_AT
            && events.len() > late
        {
            events.remove(late);
        }
        let numbered = (1..)
            .zip(events)
            .map(|(number, (bits, event))| SequencedEvent {
                seq: Seq(number),
                bits,
                event,
            });
        let events: Vec<SequencedEvent> = numbered.collect();
        Ok(EventPage {
            head: events
                .last()
                .map(SequencedEvent::position)
                .unwrap_or_default(),
            events: events
                .into_iter()
                .filter(|found| found.seq > after)
                .take(limit)
                .collect(),
            orders: BTreeMap::new(),
        })
    }

    /// Events of one moment, and their orders of a later one.
    pub(super) async fn torn_page(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let mut page = self
            .healthy
            .events_after(shard, after, limit, EventContent::Events)
            .await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        for found in page
            .events
            .iter()
            .filter(|found| !found.event.is_tombstone())
        {
            let id = found.event.order_id;
            let order = self.healthy.get(id).await?;
            page.orders.extend(order.map(|order| (id, order)));
        }
        Ok(page)
    }

    /// Spoils the orders of a page.
    pub(super) fn spoil_orders(&self, page: &mut EventPage) {
        match self.fault {
            Fault::MissingOrder => drop(page.orders.pop_last()),
            Fault::OrdersOfTombstones => {
                for found in &page.events {
                    let id = found.event.order_id;
                    let order = self.remembered().order(id);
                    page.orders.extend(order.map(|order| (id, order)));
                }
            }
            Fault::SwappedOrders => {
                let ids: Vec<_> = page.orders.keys().copied().collect();
                let turned = ids.iter().copied().cycle().skip(1);
                let orders = std::mem::take(&mut page.orders).into_values();
                page.orders = turned.zip(orders).collect();
            }
            _ => {}
        }
    }

    pub(super) fn spoil_bits(&self, position: EventPosition) -> EventPosition {
        let bits = if self.fault == Fault::ConstantBits && position.seq > Seq(0) {
            0x5eed_5eed
        } else {
            position.bits
        };
        EventPosition { bits, ..position }
    }

    pub(super) fn spoil_page(&self, mut page: EventPage) -> EventPage {
        self.remembered().spoil_tombstones(self.fault, &mut page);
        page.head = self.spoil_bits(page.head);
        for found in &mut page.events {
            found.bits = self.spoil_bits(found.position()).bits;
        }
        let is_late = |found: &SequencedEvent| found.seq == LATE && page.head.seq < APPEARS_AT;
        match self.fault {
            Fault::ReorderedEvents if page.events.len() > 3 => page.events.swap(1, 2),
            Fault::LateCommit => {
                let late = page.events.iter().position(is_late);
                if let Some(late) = late {
                    page.events.remove(late);
                }
            }
            _ => {}
        }
        page
    }
}
