//! The ceiling: everything of ordermill but a store. The same router, parser, validation, ids and log in front of a store
//! that accepts every write at once and keeps nothing. Only the benchmark uses it; `serve` cannot be configured to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Counts, Deadline, Erasure, EventContent, EventFeed,
    EventPage, ListQuery, NextDue, OrderPage, OrderReader, OrderWriter, RescuePolicy,
    SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};

/// Keeps nothing.
#[derive(Debug, Default)]
pub(super) struct NoStore {
    seq: AtomicU64,
}

impl Sharded for NoStore {
    fn shards(&self) -> &[ShardId] {
        &[ShardId(0)]
    }

    fn shard_of(&self, _: Bucket) -> ShardId {
        ShardId(0)
    }
}

#[async_trait]
impl OrderWriter for NoStore {
    async fn commit(&self, writes: Vec<Write>, _: Deadline) -> Vec<Result<Committed, CommitError>> {
        writes
            .iter()
            .map(|_| {
                Ok(Committed::Written {
                    seq: Seq(self.seq.fetch_add(1, Ordering::Relaxed)),
                })
            })
            .collect()
    }

    async fn erase(&self, _: Erasure, _: Deadline) -> Result<EventPosition, CommitError> {
        Err(CommitError::Stale)
    }

    async fn probe_commit(&self, _: ShardId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}

#[async_trait]
impl OrderReader for NoStore {
    async fn get(&self, _: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(None)
    }

    async fn find(&self, _: &UserId, _: &ExternalId) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(None)
    }

    async fn list(&self, _: &ListQuery) -> Result<OrderPage, StoreError> {
        Ok(OrderPage {
            orders: Vec::new(),
            next_before: None,
        })
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(Counts::default())
    }
}

#[async_trait]
impl EventFeed for NoStore {
    async fn order_events(
        &self,
        _: OrderId,
        _: Option<Version>,
        _: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        Ok(None)
    }

    async fn events_after(
        &self,
        _: ShardId,
        after: Seq,
        _: usize,
        _: EventContent,
    ) -> Result<EventPage, StoreError> {
        let head = EventPosition {
            seq: after,
            bits: 0,
        };
        Ok(EventPage {
            events: Vec::new(),
            orders: BTreeMap::new(),
            head,
        })
    }

    async fn event_position(
        &self,
        _: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        Ok(Some(EventPosition { seq, bits: 0 }))
    }
}

#[async_trait]
impl WorkQueue for NoStore {
    async fn claim(
        &self,
        _: ShardId,
        _: ClaimLimits,
        _: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Ok(Vec::new())
    }

    async fn claim_quarantined(
        &self,
        _: ShardId,
        _: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(None)
    }

    async fn heartbeat(&self, _: &[Claim], _: Duration) -> Result<Vec<Claim>, StoreError> {
        Ok(Vec::new())
    }

    async fn rescue(
        &self,
        _: ShardId,
        _: RescuePolicy,
        _: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Ok(Vec::new())
    }

    async fn next_due(&self, _: ShardId) -> Result<NextDue, StoreError> {
        Ok(NextDue::default())
    }

    async fn oldest_due_age(&self, _: ShardId) -> Result<Option<Duration>, StoreError> {
        Ok(None)
    }
}
