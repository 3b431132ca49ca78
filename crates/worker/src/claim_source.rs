//! Takes due orders of one shard from the store, and waits for the next ones: for a hint, for the next due time, or
//! for the slow scan. It never decides how many orders may be taken, or of which lane.

use std::sync::Arc;
use std::time::Duration;

use application::backoff::Backoff;
use application::ports::{ClaimLimits, NextDue, StoreError, WakeUps, WorkQueue};
use domain::{Lane, Order, ShardId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::parts::Shared;

/// Waits between claims that the store could not answer.
const STORE_BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    most: Duration::from_secs(5),
};
/// The least wait after a claim that found nothing, against a store that promises work which it then does not give.
const LEAST_WAIT: Duration = Duration::from_millis(5);

pub(crate) struct ClaimSource {
    shared: Arc<Shared>,
    queue: Arc<dyn WorkQueue>,
    shard: ShardId,
    hints: watch::Receiver<u64>,
    /// Notified by this shard's own commits of retries, whose due time the store need not hint at.
    rescheduled: Arc<Notify>,
    failures: u32,
    found_nothing: bool,
    /// When the store was last asked what is due, or the wait that it was asked for ended.
    asked_at: Option<Instant>,
    /// When the next quarantined order is due, as far as the store knew then.
    quarantined_due_at: Option<Instant>,
    /// When the next order that needs its receipt is due, as far as the store knew then.
    receipts_due_at: Option<Instant>,
}

impl ClaimSource {
    pub(crate) fn new(
        shared: Arc<Shared>,
        wake_ups: &dyn WakeUps,
        shard: ShardId,
        rescheduled: Arc<Notify>,
    ) -> Self {
        Self {
            queue: Arc::clone(&shared.queue),
            hints: wake_ups.due_work(shard),
            shared,
            shard,
            rescheduled,
            failures: 0,
            found_nothing: false,
            asked_at: None,
            quarantined_due_at: None,
            receipts_due_at: None,
        }
    }

    /// Claims orders within `limits`. Never dropped half-way by the worker itself: what the store has handed out by
    /// then would wait for its lease to run out.
    ///
    /// # Errors
    /// How long to wait before the next try, if the store could not answer.
    pub(crate) async fn claim(&mut self, limits: ClaimLimits) -> Result<Vec<Arc<Order>>, Duration> {
        // A hint that arrives from here on, while the claim runs, is not lost.
        self.hints.borrow_and_update();
        let lease = self.shared.settings.lease;
        let claimed = self.queue.claim(self.shard, limits, lease).await;
        self.record(claimed)
    }

    /// Claims one quarantined order, by a caller that has made room for it.
    ///
    /// # Errors
    /// As [`ClaimSource::claim`].
    pub(crate) async fn claim_quarantined(&mut self) -> Result<Vec<Arc<Order>>, Duration> {
        self.hints.borrow_and_update();
        // If there are more of them, other orders have their turn in between.
        self.quarantined_due_at = None;
        self.asked_at = Some(Instant::now());
        let lease = self.shared.settings.lease;
        let claimed = self.queue.claim_quarantined(self.shard, lease).await;
        self.record(claimed.map(Vec::from_iter))
    }

    /// Counts what the store gave, or that it gave nothing.
    fn record(
        &mut self,
        taken: Result<Vec<Arc<Order>>, StoreError>,
    ) -> Result<Vec<Arc<Order>>, Duration> {
        match taken {
            Ok(orders) => {
                if self.failures > 0 {
                    tracing::info!(shard = %self.shard, "the shard gives orders again");
                    self.failures = 0;
                }
                self.found_nothing = orders.is_empty();
                self.shared.counters.claimed.add(orders.len());
                Ok(orders)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures == 1 {
                    tracing::warn!(shard = %self.shard, %error, "no orders can be claimed, trying again");
                }
                Err(STORE_BACKOFF.bound(self.failures))
            }
        }
    }

    /// Whether a quarantined order is due. The store is asked once a slow scan, so that such an order gets its turn however
    /// much other work there is. Cancel-safe.
    pub(crate) async fn has_quarantined_work(&mut self) -> bool {
        self.ask_once_a_scan().await;
        is_past(self.quarantined_due_at)
    }

    /// Whether an order that needs its receipt is due; the same call forgets it, so that a claim is tried once. Cancel-safe.
    pub(crate) async fn has_receipts_to_write(&mut self) -> bool {
        self.ask_once_a_scan().await;
        let is_due = is_past(self.receipts_due_at);
        if is_due {
            self.receipts_due_at = None;
        }
        is_due
    }

    /// The last claim did not get all orders that need their receipt.
    pub(crate) fn expect_more_receipts(&mut self) {
        self.receipts_due_at = Some(Instant::now());
    }

    async fn ask_once_a_scan(&mut self) {
        let slow_scan = self.shared.settings.tuning.slow_scan;
        if self.asked_at.is_none_or(|at| at.elapsed() >= slow_scan) {
            self.ask_what_is_due().await;
        }
    }

    /// When the next work is due, as far as the store knows.
    async fn ask_what_is_due(&mut self) -> NextDue {
        let slow_scan = self.shared.settings.tuning.slow_scan;
        let due = tokio::time::timeout(slow_scan, self.queue.next_due(self.shard)).await;
        // If the store does not know, the slow scan finds out.
        let due = due.map_or_else(|_elapsed| NextDue::default(), Result::unwrap_or_default);
        let now = Instant::now();
        self.asked_at = Some(now);
        let at = |due: Option<Duration>| due.and_then(|wait| now.checked_add(wait));
        self.quarantined_due_at = at(due.quarantined);
        self.receipts_due_at = at(due.lane(Lane::Receipts));
        due
    }

    /// How soon there may be work for this worker.
    fn soonest(&self, due: &NextDue) -> Option<Duration> {
        let handler = due
            .lane(Lane::Fresh)
            .into_iter()
            .chain(due.lane(Lane::Retries));
        let receipts = due
            .lane(Lane::Receipts)
            .filter(|_| self.shared.receipt_store_health.is_reachable());
        let quarantined = due
            .quarantined
            .filter(|_| self.shared.endpoint.is_open_for_all());
        handler.chain(receipts).chain(quarantined).min()
    }

    /// Ends at the next hint, or after `at_most`. Cancel-safe: it takes nothing.
    pub(crate) async fn wait_for_hint(&mut self, at_most: Duration) {
        tokio::select! {
            () = tokio::time::sleep(at_most.max(LEAST_WAIT)) => {}
            () = hint(&mut self.hints) => {}
        }
    }

    /// Ends when there may be due work. Cancel-safe: it takes nothing.
    pub(crate) async fn wait(&mut self) {
        let slow_scan = self.shared.settings.tuning.slow_scan;
        let was_hinted = matches!(self.hints.has_changed(), Ok(true));
        if was_hinted {
            return;
        }
        let due = self.ask_what_is_due().await;
        let due = self.soonest(&due);
        let mut wait = due.map_or(slow_scan, |due| due.min(slow_scan));
        if self.found_nothing {
            wait = wait.max(LEAST_WAIT);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.rescheduled.notified() => {}
            () = hint(&mut self.hints) => {}
        }
        // The answer from before the wait still holds: the store need not be asked a second time after it.
        self.asked_at = Some(Instant::now());
    }
}

fn is_past(due: Option<Instant>) -> bool {
    due.is_some_and(|due| due <= Instant::now())
}

/// Ends at the next hint; never, if no sender is left.
async fn hint(hints: &mut watch::Receiver<u64>) {
    if hints.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
