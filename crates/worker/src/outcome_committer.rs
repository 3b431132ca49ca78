//! Outcomes on their way into the store: what waits is committed together, in batches, guarded by the claims' tokens.
//!
//! A batch that the store could not take is tried again: the guard makes that harmless, because an outcome that was
//! written after all, or whose order another worker has by now, is stale and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use application::backoff::Backoff;
use application::ports::{CommitError, StoreError, Write};
use domain::{Failure, ShardId};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::claim_registry::ClaimGuard;
use crate::parts::Shared;
use crate::retry_policy::Disposition;

const RETRY: Backoff = Backoff {
    first: Duration::from_millis(50),
    most: Duration::from_secs(2),
};

/// An order whose attempt has ended.
pub(crate) struct Finished {
    disposition: Disposition,
    /// Keeps the lease alive until the outcome is durable.
    guard: ClaimGuard,
    /// A commit was not confirmed: it may have been done.
    unsure: bool,
    /// The store has refused a first disposition.
    refused: bool,
}

impl Finished {
    /// An attempt under its guard.
    pub(crate) fn held(guard: ClaimGuard, disposition: Disposition) -> Self {
        Self {
            disposition,
            guard,
            unsure: false,
            refused: false,
        }
    }
}

/// The outcomes of one shard that wait for their commit. Bounded by the permits of the registry.
pub(crate) struct OutcomeCommitter {
    shared: Arc<Shared>,
    shard: ShardId,
    rescheduled: Arc<Notify>,
    waiting: Vec<Finished>,
    failures: u32,
}

impl OutcomeCommitter {
    pub(crate) fn new(shared: Arc<Shared>, shard: ShardId, rescheduled: Arc<Notify>) -> Self {
        Self {
            shared,
            shard,
            rescheduled,
            waiting: Vec::new(),
            failures: 0,
        }
    }

    /// Takes what arrives until the worker has no more, and commits it. After `give_up` what waits is abandoned.
    pub(crate) async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Finished>,
        give_up: CancellationToken,
    ) {
        loop {
            if self.waiting.is_empty() {
                match arrivals.recv().await {
                    Some(finished) => self.waiting.push(finished),
                    None => return,
                }
            }
            while self.waiting.len() < self.shared.settings.tuning.batch
                && let Ok(finished) = arrivals.try_recv()
            {
                self.waiting.push(finished);
            }
            if let Some(pause) = self.commit().await {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = give_up.cancelled() => return self.abandon(),
                }
            }
        }
    }

    /// Gives up what waits; the leases run out and the orders are rescued.
    fn abandon(&mut self) {
        self.shared.counters.abandoned.add(self.waiting.len());
        self.waiting.clear();
    }

    /// Tries once to commit everything that waits. Returns how long to pause if some of it could not be.
    async fn commit(&mut self) -> Option<Duration> {
        let (batch, writes) = self.take_batch();
        if batch.is_empty() {
            return None;
        }
        let deadline = tokio::time::Instant::now() + self.shared.settings.tuning.store_timeout;
        let answers = self.shared.writer.commit(writes, deadline).await;
        let mut trouble = None;
        let mut has_rescheduled = false;
        for (finished, answer) in batch.into_iter().zip(answers) {
            match answer {
                Ok(_) => {
                    has_rescheduled |= self.count(&finished.disposition);
                }
                Err(error) => trouble = self.not_written(finished, error).or(trouble),
            }
        }
        if has_rescheduled {
            self.rescheduled.notify_one();
        }
        self.pause_after(trouble)
    }

    fn take_batch(&mut self) -> (Vec<Finished>, Vec<Write>) {
        let now = self.shared.clock.now();
        let many = self
            .waiting
            .len()
            .min(self.shared.settings.tuning.batch.max(1));
        let mut batch = Vec::with_capacity(many);
        let mut writes = Vec::with_capacity(many);
        for finished in self.waiting.drain(..many) {
            if finished.guard.is_lost() {
                continue;
            }
            match finished.disposition.write(&finished.guard.order, now) {
                Ok(write) => {
                    writes.push(write);
                    batch.push(finished);
                }
                // Only a store that hands out orders which are not PROCESSING can cause this.
                Err(refusal) => {
                    tracing::error!(order_id = %finished.guard.order.id, %refusal, "a claimed order cannot take its outcome");
                }
            }
        }
        (batch, writes)
    }

    /// Counts a written outcome; returns whether it left the order with a time at which it is due.
    fn count(&self, disposition: &Disposition) -> bool {
        let counters = &self.shared.counters;
        match disposition {
            Disposition::Complete { .. } => counters.processed.add(1),
            Disposition::Retry { .. } => counters.retried.add(1),
            Disposition::GiveBack { .. } => counters.given_back.add(1),
            Disposition::PostponeBusy { .. } => counters.busy.add(1),
            Disposition::AwaitReceipt { .. } => counters.awaiting_receipts.add(1),
            Disposition::Fail(_) => counters.failed.add(1),
        }
        match disposition {
            Disposition::Complete { .. } | Disposition::Fail(_) => false,
            Disposition::Retry { .. }
            | Disposition::GiveBack { .. }
            | Disposition::PostponeBusy { .. }
            | Disposition::AwaitReceipt { .. } => true,
        }
    }

    /// Decides what a write's failure means for its order; returns the error if the write is tried again.
    fn not_written(&mut self, mut finished: Finished, error: CommitError) -> Option<StoreError> {
        let order_id = finished.guard.order.id;
        match error {
            CommitError::Store(
                error @ (StoreError::Overloaded { .. }
                | StoreError::Expired
                | StoreError::Unavailable { .. }
                | StoreError::Moved { .. }
                | StoreError::Full { .. }),
            ) => {
                self.waiting.push(finished);
                Some(error)
            }
            CommitError::Store(error @ StoreError::Unknown { .. }) => {
                finished.unsure = true;
                self.waiting.push(finished);
                Some(error)
            }
            // Written by the commit that was not confirmed, or taken over: either way nothing is left to do.
            CommitError::Stale if finished.unsure => None,
            CommitError::Stale => {
                self.shared.counters.lost.add(1);
                tracing::info!(%order_id, token = %finished.guard.order.version, "the outcome came too late, another worker has the order");
                None
            }
            CommitError::Refused(reason) if !finished.refused => {
                tracing::warn!(%order_id, reason, "the store refuses the outcome, the order becomes a dead letter");
                finished.refused = true;
                finished.disposition = Disposition::Fail(Failure::new("outcome_refused", &reason));
                self.waiting.push(finished);
                None
            }
            error @ (CommitError::Refused(_)
            | CommitError::Store(StoreError::Corrupt { .. })
            | CommitError::KeyReused
            | CommitError::ExternalIdTaken) => {
                self.shared.counters.abandoned.add(1);
                tracing::error!(%order_id, %error, "the outcome cannot be written, the order waits for its lease to run out");
                None
            }
        }
    }

    fn pause_after(&mut self, trouble: Option<StoreError>) -> Option<Duration> {
        let Some(error) = trouble else {
            if self.failures > 0 {
                tracing::info!(shard = %self.shard, "the shard takes outcomes again");
                self.failures = 0;
            }
            return None;
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(shard = %self.shard, %error, waiting = self.waiting.len(), "outcomes cannot be written, trying again");
        }
        Some(RETRY.bound(self.failures))
    }
}
