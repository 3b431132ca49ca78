//! A store in memory, seen by a worker: it fails on demand, and notes what it is called for. The behaviour on a real store
//! is tested beside it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Committed, Deadline, Erasure, NextDue, OrderWriter,
    RescuePolicy, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, Order, OrderId, ShardId, Status};
use port_conformance::in_memory::InMemoryStore;

use crate::calls::Calls;

pub struct FailingStore {
    inner: InMemoryStore,
    pub faults: Faults,
    pub calls: Calls,
}

/// What goes wrong until the test ends it.
#[derive(Default)]
pub struct Faults {
    /// Nothing can be reached.
    pub down: AtomicBool,
    /// This shard cannot be reached.
    pub down_shard: Mutex<Option<ShardId>>,
    /// This many commits are done, but not confirmed.
    pub unconfirmed: AtomicUsize,
    /// This many commits are refused by a full queue.
    pub overloaded: AtomicUsize,
    /// Outcomes that say PROCESSED are refused for these orders.
    pub refuses_completion: Mutex<HashSet<OrderId>>,
    /// Heartbeats never arrive.
    pub deaf: AtomicBool,
}

impl FailingStore {
    pub fn new(shards: u16, hints: Arc<InProcessHints>, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: InMemoryStore::new(shards, clock, hints),
            faults: Faults::default(),
            calls: Calls::default(),
        }
    }

    pub fn order(&self, id: OrderId) -> Arc<Order> {
        self.inner.find_order(id).unwrap()
    }

    pub fn orders(&self) -> Vec<Arc<Order>> {
        self.inner.orders()
    }

    pub fn count(&self, status: Status) -> usize {
        usize::try_from(self.inner.count(status)).unwrap()
    }

    /// The statuses that an order has gone through.
    pub fn history(&self, id: OrderId) -> Vec<Status> {
        self.inner.statuses(id)
    }

    fn check(&self, shard: ShardId) -> Result<(), StoreError> {
        let shard_is_down = *self.faults.down_shard.lock().unwrap() == Some(shard);
        if self.faults.down.load(Ordering::SeqCst) || shard_is_down {
            return Err(StoreError::Unavailable {
                shard,
                reason: "asked for by the test".to_owned(),
            });
        }
        Ok(())
    }

    fn write(&self, write: Write) -> Result<Committed, CommitError> {
        let order = &write.decision.order;
        self.check(self.shard_of(order.id.bucket()))?;
        let refuses = self
            .faults
            .refuses_completion
            .lock()
            .unwrap()
            .contains(&order.id);
        if refuses && order.status == Status::Processed {
            return Err(CommitError::Refused("asked for by the test".to_owned()));
        }
        self.inner.write(write)
    }
}

/// Takes one of a number of faults that are left.
fn takes_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

impl Sharded for FailingStore {
    fn shards(&self) -> &[ShardId] {
        self.inner.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for FailingStore {
    async fn commit(&self, writes: Vec<Write>, _: Deadline) -> Vec<Result<Committed, CommitError>> {
        self.calls.commits.note(writes.len());
        // Durability takes a moment, in which others run.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if takes_one(&self.faults.overloaded) {
            let full = CommitError::Store(StoreError::Overloaded { limit: 0 });
            return writes.iter().map(|_| Err(full.clone())).collect();
        }
        let unconfirmed = takes_one(&self.faults.unconfirmed);
        let answers = writes.into_iter().map(|write| {
            let answer = self.write(write);
            if unconfirmed && answer.is_ok() {
                return Err(CommitError::Store(StoreError::Unknown {
                    shard: self.inner.shards()[0],
                    reason: "asked for by the test".to_owned(),
                }));
            }
            answer
        });
        answers.collect()
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.inner.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner.probe_commit(shard).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl WorkQueue for FailingStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.check(shard)?;
        let claimed = self.inner.claim(shard, limits, lease).await?;
        self.calls.claims.note(claimed.len());
        Ok(claimed)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.check(shard)?;
        self.inner.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        if self.faults.deaf.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.calls.heartbeats.note(claims.len());
        for claim in claims {
            self.check(self.shard_of(claim.order_id.bucket()))?;
        }
        self.inner.heartbeat(claims, lease).await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.check(shard)?;
        self.inner.rescue(shard, policy, limit).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.check(shard)?;
        self.inner.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.inner.oldest_due_age(shard).await
    }
}
