//! The writing ports of a store, whose failed commits are noted in a [`CommitHealth`]. They do nothing else to a call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Bucket, EventPosition, Order, ShardId};

use super::commit_health::CommitHealth;
use crate::ports::{
    Claim, ClaimLimits, CommitError, Committed, Deadline, Erasure, NextDue, OrderWriter,
    RescuePolicy, Sharded, StoreError, StorePorts, WorkQueue, Write,
};

/// The same ports, with failed commits noted in `commits`. Give them to everything that writes.
#[must_use]
pub fn tracked(ports: StorePorts, commits: &CommitHealth) -> StorePorts {
    StorePorts {
        writer: Arc::new(TrackedWriter {
            inner: ports.writer,
            commits: commits.clone(),
        }),
        queue: Arc::new(TrackedQueue {
            inner: ports.queue,
            commits: commits.clone(),
        }),
        ..ports
    }
}

struct TrackedWriter {
    inner: Arc<dyn OrderWriter>,
    commits: CommitHealth,
}

#[async_trait]
impl OrderWriter for TrackedWriter {
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

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner.probe_commit(shard).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct TrackedQueue {
    inner: Arc<dyn WorkQueue>,
    commits: CommitHealth,
}

impl TrackedQueue {
    fn tracked<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.inspect_err(|error| self.commits.note(error))
    }
}

impl Sharded for TrackedQueue {
    fn shards(&self) -> &[ShardId] {
        self.inner.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.shard_of(bucket)
    }
}

#[async_trait]
impl WorkQueue for TrackedQueue {
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

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.inner.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.inner.oldest_due_age(shard).await
    }
}
