//! A store with a defect around a sound one: every call is passed on, except what is broken on purpose.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, CommitError, Committed, Deadline, Guard, OrderStore, StoreError, Write,
};
use async_trait::async_trait;
use domain::{Decision, Event, Order, Seq, Status};
use port_conformance::around::StoreAround;
use tokio::sync::mpsc;

use crate::defect::Defect;

/// How often a forced outcome is decided anew while the order keeps changing.
const FORCED_ATTEMPTS: usize = 8;

/// The store, and its defect.
pub struct BrokenStore {
    inner: Arc<dyn OrderStore>,
    defect: Defect,
    later: mpsc::Sender<Write>,
}

/// Commits what was confirmed already.
pub struct LateWriter {
    inner: Arc<dyn OrderStore>,
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

impl BrokenStore {
    /// Breaks `inner`. The second half has to run for the defect that confirms too early.
    pub fn around(inner: Arc<dyn OrderStore>, defect: Defect) -> (Self, LateWriter) {
        let (later, writes) = mpsc::channel(16_384);
        let writer = LateWriter {
            inner: Arc::clone(&inner),
            writes,
        };
        (
            Self {
                inner,
                defect,
                later,
            },
            writer,
        )
    }

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
                results.extend(self.inner.commit(vec![write], deadline).await);
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
        let mut results = self.inner.commit(writes, deadline).await;
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
            let Some(now) = self.inner.get(decided.order.id).await? else {
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
            match self.inner.commit(vec![rebased], deadline).await.pop() {
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

#[async_trait]
impl StoreAround for BrokenStore {
    fn inner(&self) -> &dyn OrderStore {
        &*self.inner
    }

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
                self.inner.commit(writes, deadline).await
            }
            Defect::Nothing | Defect::SynchronousOff | Defect::AbortsOnPoison => {
                self.inner.commit(writes, deadline).await
            }
        }
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let lost = self.inner.heartbeat(claims, lease).await?;
        // Without fencing no worker learns that its claim is lost.
        Ok(if self.defect == Defect::FencingRemoved {
            Vec::new()
        } else {
            lost
        })
    }
}
