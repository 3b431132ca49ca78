//! A store with a defect around a sound one: every call is passed on, except what is broken on purpose.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Deadline, Erasure, Guard, NextDue, OrderWriter,
    RescuePolicy, Sharded, StoreError, StorePorts, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, Decision, Event, EventPosition, Order, Seq, ShardId, Status};
use tokio::sync::mpsc;

use crate::defect::Defect;

/// How often a forced outcome is decided anew while the order keeps changing.
const FORCED_ATTEMPTS: usize = 8;

/// The writing ports of a store, and their defect.
struct BrokenStore {
    inner: StorePorts,
    defect: Defect,
    later: mpsc::Sender<Write>,
}

/// Commits what was confirmed already.
pub struct LateWriter {
    inner: Arc<dyn OrderWriter>,
    writes: mpsc::Receiver<Write>,
}

impl LateWriter {
    /// How much later than its confirmation a write is committed.
    const DELAY: Duration = Duration::from_millis(40);

    /// Runs until the store is dropped.
    pub async fn run(mut self) {
        let mut waiting = Vec::new();
        while self.writes.recv_many(&mut waiting, 256).await > 0 {
            tokio::time::sleep(Self::DELAY).await;
            let deadline = Deadline::now() + Duration::from_secs(10);
            for result in self
                .inner
                .commit(std::mem::take(&mut waiting), deadline)
                .await
            {
                if let Err(error) = result {
                    tracing::error!(%error, "a confirmed order was not committed");
                }
            }
        }
    }
}

/// The same ports with a defect. The second half has to run for the defect that confirms too early.
pub fn broken(ports: StorePorts, defect: Defect) -> (StorePorts, LateWriter) {
    let (later, writes) = mpsc::channel(16_384);
    let late_writer = LateWriter {
        inner: Arc::clone(&ports.writer),
        writes,
    };
    let broken = Arc::new(BrokenStore {
        inner: ports.clone(),
        defect,
        later,
    });
    let ports = StorePorts {
        writer: Arc::clone(&broken) as _,
        queue: broken,
        ..ports
    };
    (ports, late_writer)
}

impl BrokenStore {
    /// Confirms new orders at once; everything else takes the usual way.
    async fn commit_later(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            if matches!(write.guard, Guard::New { .. })
                && self.later.send(write.clone()).await.is_ok()
            {
                results.push(Ok(Committed::Written { seq: Seq(0) }));
            } else {
                results.extend(self.inner.writer.commit(vec![write], deadline).await);
            }
        }
        results
    }

    /// Writes the outcomes of claims without checking that the claim still holds.
    async fn commit_forced(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let asked = writes.clone();
        let mut results = self.inner.writer.commit(writes, deadline).await;
        for (result, write) in results.iter_mut().zip(asked) {
            let of_a_claim = matches!(
                write.guard,
                Guard::At {
                    status: Status::Processing,
                    ..
                }
            );
            if of_a_claim && matches!(result, Err(CommitError::Stale)) {
                *result = self.force(&write, deadline).await;
            }
        }
        results
    }

    /// The outcome, rebased onto the order as it is now.
    async fn force(&self, write: &Write, deadline: Deadline) -> Result<Committed, CommitError> {
        for _ in 0..FORCED_ATTEMPTS {
            let decided = &write.decision;
            let Some(now) = self.inner.reader.get(decided.order.id).await? else {
                break;
            };
            let version = now.version.next();
            let rebased = Write {
                decision: Decision {
                    order: Arc::new(Order {
                        version,
                        ..(*decided.order).clone()
                    }),
                    event: Event {
                        version,
                        ..decided.event.clone()
                    },
                    earlier: Vec::new(),
                    job: decided.job,
                },
                guard: Guard::At {
                    version: now.version,
                    status: now.status,
                },
            };
            match self
                .inner
                .writer
                .commit(vec![rebased], deadline)
                .await
                .pop()
            {
                Some(Err(CommitError::Stale)) | None => {}
                Some(result) => {
                    tracing::warn!(order = %decided.order.id, ?result, "a stale outcome was forced");
                    return result;
                }
            }
        }
        Err(CommitError::Stale)
    }
}

fn without_key(mut write: Write) -> Write {
    if let Guard::New { key, .. } = &mut write.guard {
        *key = None;
    }
    write
}

impl Sharded for BrokenStore {
    fn shards(&self) -> &[ShardId] {
        self.inner.queue.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.queue.shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for BrokenStore {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        match self.defect {
            Defect::AnswersBeforeCommit => self.commit_later(writes, deadline).await,
            Defect::FencingRemoved => self.commit_forced(writes, deadline).await,
            Defect::UniqueKeyDropped => {
                let writes = writes.into_iter().map(without_key).collect();
                self.inner.writer.commit(writes, deadline).await
            }
            Defect::Nothing | Defect::SynchronousOff | Defect::AbortsOnPoison => {
                self.inner.writer.commit(writes, deadline).await
            }
        }
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.inner.writer.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner.writer.probe_commit(shard).await
    }

    async fn close(&self) {
        self.inner.writer.close().await;
    }
}

#[async_trait]
impl WorkQueue for BrokenStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.queue.claim(shard, limits, lease).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.queue.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let lost = self.inner.queue.heartbeat(claims, lease).await?;
        // Without fencing no worker learns that its claim is lost.
        Ok(if self.defect == Defect::FencingRemoved {
            Vec::new()
        } else {
            lost
        })
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.queue.rescue(shard, policy, limit).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.inner.queue.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.inner.queue.oldest_due_age(shard).await
    }
}
