//! A store that notes its failed commits in a [`CommitHealth`], and does nothing else to them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};

use super::CommitHealth;
use crate::ports::{
    Claim, ClaimLimits, CommitError, Committed, Counts, Deadline, Erasure, EventPage, ListQuery,
    NextDue, OrderPage, OrderStore, RescuePolicy, SequencedEvent, Settle, StoreError, Write,
};

/// The store `inner`, watched. Give it to everything that writes.
pub struct TrackedStore {
    inner: Arc<dyn OrderStore>,
    commits: CommitHealth,
}

impl TrackedStore {
    /// Notes in `commits` what becomes of the commits of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn OrderStore>, commits: CommitHealth) -> Self {
        Self { inner, commits }
    }

    fn tracked<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.inspect_err(|error| self.commits.note(error))
    }
}

#[async_trait]
impl OrderStore for TrackedStore {
    fn shards(&self) -> &[ShardId] {
        self.inner.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.shard_of(bucket)
    }

    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let answers = self.inner.commit(writes, deadline).await;
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            self.commits.note_write(error);
        }
        answers
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        let answer = self.inner.erase(erasure, deadline).await;
        answer.inspect_err(|error| self.commits.note_write(error))
    }

    fn together(&self, ask: &mut dyn FnMut()) {
        self.inner.together(ask);
    }

    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.tracked(self.inner.claim(shard, limits, lease).await)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.tracked(self.inner.claim_quarantined(shard, lease).await)
    }

    async fn settle(
        &self,
        shard: ShardId,
        limit: usize,
        settle: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.tracked(self.inner.settle(shard, limit, settle).await)
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        self.tracked(self.inner.heartbeat(claims, lease).await)
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.tracked(self.inner.rescue(shard, policy, limit).await)
    }

    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.get(id).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.find(user, external_id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.inner.list(query).await
    }

    async fn events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.inner.events(id, after, limit).await
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        self.inner.events_after(shard, after, limit).await
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.inner.event_position(shard, seq).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.inner.oldest_due_age(shard).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner.probe_commit(shard).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.inner.next_due(shard).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
