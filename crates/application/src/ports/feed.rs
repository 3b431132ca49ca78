//! The events of a shard in commit order: what live watching, the relay and the notifier read.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{Event, EventPosition, Order, OrderId, Seq, ShardId, Version};

use super::shards::{Sharded, StoreError};

/// An event with its position in its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedEvent {
    /// Its number.
    pub seq: Seq,
    /// The random bits that were stored with it.
    pub bits: u32,
    /// The event; a tombstone if its order was erased.
    pub event: Arc<Event>,
}

impl SequencedEvent {
    /// The event's position.
    #[must_use]
    pub const fn position(&self) -> EventPosition {
        EventPosition {
            seq: self.seq,
            bits: self.bits,
        }
    }
}

/// What [`EventFeed::events_after`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventContent {
    /// The events alone. Live watching reads this.
    Events,
    /// The events, and the orders that they belong to. Whatever publishes events with the facts of their orders reads this.
    EventsAndOrders,
}

/// A stretch of a shard's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// In the order of `seq`, without gaps.
    pub events: Vec<SequencedEvent>,
    /// With [`EventContent::EventsAndOrders`]: the orders of all events of the page that are no tombstones, and no others.
    /// Otherwise empty.
    ///
    /// - Events and orders are read in one snapshot: an event that is no tombstone has its order here, and an order that
    ///   was erased is not here.
    /// - An order is as it was in that snapshot: at the version of its last event in the page, or at a later one. What was
    ///   fixed at its creation (its ids, user, source, lines, adjustments, amount, metadata and times) is the same at each
    ///   version, so that an event that is published again is published with the same facts. Its status, attempt, failure
    ///   and result may be ahead of the event, which has those of its own.
    pub orders: BTreeMap<OrderId, Arc<Order>>,
    /// The last position of the shard when the page was read.
    pub head: EventPosition,
}

/// Reads events. A read sees every write that was confirmed before it began.
///
/// - Order: per shard, events are numbered in commit order without gaps, and a reader that has seen `seq` never later
///   sees a smaller one appear.
/// - Positions: every event is stored with 32 random bits, which a tombstone keeps. Two histories that give one number to
///   different events (a store and its restored backup) differ in the bits, except by chance.
#[async_trait]
pub trait EventFeed: Sharded {
    /// The events of a shard after `after`, at most `limit`; tombstones of erased orders at their places. `content` says
    /// whether the orders come with them; without them a page costs nothing more.
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError>;

    /// The position of the event with this number: tells whether a cursor is of this store's history. `Seq(0)` is at the
    /// default position; `None` for a number that the shard has not reached.
    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError>;

    /// The events of an order with a version above `after`, ascending, at most `limit`; `None` for an unknown order and
    /// for an erased one.
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError>;
}
