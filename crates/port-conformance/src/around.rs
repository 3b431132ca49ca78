//! A delegating store: it passes each call on to the store inside, except the calls that a test store overrides. Test
//! stores that break, delay or refuse something are built on it, so that each states its own difference and nothing
//! else.
//!
//! This is the one place that repeats the port's calls: a call that is added to [`OrderStore`] is added here, too.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Counts, Deadline, Erasure, EventFeed, EventPage,
    ListQuery, NextDue, OrderPage, OrderReader, OrderStore, OrderWriter, RescuePolicy,
    SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};

/// The differences from the store inside: a call that is not overridden is passed on to it.
#[async_trait]
pub trait StoreAround: Send + Sync + 'static {
    /// The store inside.
    fn inner(&self) -> &dyn OrderStore;

    /// As [`OrderWriter::commit`].
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        self.inner().commit(writes, deadline).await
    }

    /// As [`OrderWriter::erase`].
    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.inner().erase(erasure, deadline).await
    }

    /// As [`WorkQueue::claim`].
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner().claim(shard, limits, lease).await
    }

    /// As [`WorkQueue::claim_quarantined`].
    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner().claim_quarantined(shard, lease).await
    }

    /// As [`OrderStore::heartbeat`].
    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        self.inner().heartbeat(claims, lease).await
    }

    /// As [`OrderStore::rescue`].
    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner().rescue(shard, policy, limit).await
    }

    /// As [`OrderStore::get`].
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner().get(id).await
    }

    /// As [`OrderStore::find`].
    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner().find(user, external_id).await
    }

    /// As [`OrderStore::list`].
    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.inner().list(query).await
    }

    /// As [`OrderStore::events`].
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.inner().order_events(id, after, limit).await
    }

    /// As [`EventFeed::events_after`].
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        self.inner().events_after(shard, after, limit).await
    }

    /// As [`OrderStore::event_position`].
    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.inner().event_position(shard, seq).await
    }

    /// As [`OrderStore::counts`].
    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner().counts().await
    }

    /// As [`OrderStore::next_due`].
    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.inner().next_due(shard).await
    }

    /// As [`OrderStore::oldest_due_age`].
    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.inner().oldest_due_age(shard).await
    }

    /// As [`OrderWriter::probe_commit`].
    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner().probe_commit(shard).await
    }
}

/// Makes an [`OrderStore`] of a [`StoreAround`].
#[derive(Debug)]
pub struct Around<T>(pub T);

impl<T> Deref for Around<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: StoreAround> Sharded for Around<T> {
    fn shards(&self) -> &[ShardId] {
        self.0.inner().shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.0.inner().shard_of(bucket)
    }
}

#[async_trait]
impl<T: StoreAround> OrderWriter for Around<T> {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        self.0.commit(writes, deadline).await
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.0.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.0.probe_commit(shard).await
    }

    async fn close(&self) {
        self.0.inner().close().await;
    }
}

#[async_trait]
impl<T: StoreAround> OrderReader for Around<T> {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.0.get(id).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.0.find(user, external_id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.0.list(query).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.0.counts().await
    }
}

#[async_trait]
impl<T: StoreAround> EventFeed for Around<T> {
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.0.order_events(id, after, limit).await
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        self.0.events_after(shard, after, limit).await
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.0.event_position(shard, seq).await
    }
}

#[async_trait]
impl<T: StoreAround> WorkQueue for Around<T> {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.0.claim(shard, limits, lease).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.0.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        self.0.heartbeat(claims, lease).await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.0.rescue(shard, policy, limit).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.0.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.0.oldest_due_age(shard).await
    }
}
