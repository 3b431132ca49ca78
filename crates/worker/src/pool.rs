//! The loop of one shard: permits first, then a claim of at most that many orders, then a task
//! per order. It ends when the worker stops and every attempt has ended or was given back.
//!
//! What is claimed next is decided here: a quarantined order, which takes all permits, so that nothing is claimed beside it
//! and no other attempt is lost if it kills this process; orders that only need their receipt; or orders for the handler, as
//! many of each lane as the endpoint, the rate limit and the lanes' shares allow.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use domain::Order;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attempt::attempt;
use crate::claim_registry::{ClaimGuard, ClaimRegistry};
use crate::claim_source::ClaimSource;
use crate::endpoint::{Admission, ProbePermit};
use crate::lanes::LaneShares;
use crate::outcome_committer::Finished;
use crate::parts::Shared;
use crate::permits::{Permits, PermitsOfOne};
use crate::retry_policy::Disposition;

/// How long attempts that were told to stop may take to notice.
const STOP_NOTICE: Duration = Duration::from_secs(1);

pub(crate) struct Pool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) claim_source: ClaimSource,
    pub(crate) registry: Arc<ClaimRegistry>,
    /// One for each order that this shard may hold, from its claim to its outcome's commit. Apart from the permits of
    /// running attempts, so that a shard which takes no outcomes does not use up the attempts of the others.
    pub(crate) claim_permits: Arc<Semaphore>,
    /// The most orders of one claim: this shard's share of all attempts.
    pub(crate) share: usize,
    pub(crate) lanes: LaneShares,
    /// Has room for every claim, so that sending never waits.
    pub(crate) finished: mpsc::Sender<Finished>,
}

/// Whether to claim on at once, or after a wait.
type Next = ControlFlow<Wait>;

/// What the next claim waits for.
#[derive(Clone, Copy)]
enum Wait {
    /// For a hint, for due work or for the slow scan.
    ForWork,
    /// For a hint, or until retries may be called again: those that are due now may not.
    ForFreshWork,
    /// For this time.
    For(Duration),
}

/// The attempts under way, and how they are told to stop.
struct Attempts {
    running: JoinSet<()>,
    give_back: CancellationToken,
}

impl Pool {
    /// Works until `stop`; then running attempts have the configured time to end before they are given back.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut attempts = Attempts {
            running: JoinSet::new(),
            give_back: CancellationToken::new(),
        };
        while !stop.is_cancelled() {
            while let Some(ended) = attempts.running.try_join_next() {
                note_end(ended);
            }
            let permits = tokio::select! {
                () = stop.cancelled() => break,
                permits = self.permits() => permits,
            };
            let Some(permits) = permits else { break };
            let next = if permits.are_exclusive() {
                self.claim_quarantined(permits, &mut attempts).await
            } else {
                self.claim(permits, &mut attempts).await
            };
            if let ControlFlow::Break(wait) = next {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.wait(wait) => {}
                }
            }
        }
        attempts.drain(self.shared.settings.drain).await;
    }

    /// Waits for the permits of the next claim: all of them for a quarantined order, which waits while the endpoint does not
    /// answer.
    async fn permits(&mut self) -> Option<Permits> {
        let (attempts, claims) = (&self.shared.attempt_permits, &self.claim_permits);
        let is_open = self.shared.endpoint.is_open_for_all();
        if is_open && self.claim_source.has_quarantined_work().await {
            let all = self.shared.settings.max_in_flight.max(1);
            Permits::all(attempts, claims, all).await
        } else {
            let most = self.share.min(self.shared.settings.tuning.batch.max(1));
            Permits::some(attempts, claims, most).await
        }
    }

    async fn claim_quarantined(&mut self, mut permits: Permits, attempts: &mut Attempts) -> Next {
        if let Some(limiter) = &self.shared.limiter
            && let Err(wait) = limiter.take(1)
        {
            return ControlFlow::Break(Wait::For(wait));
        }
        let claimed = match self.claim_source.claim_quarantined().await {
            Ok(claimed) => claimed,
            Err(wait) => return ControlFlow::Break(Wait::For(wait)),
        };
        if claimed.is_empty()
            && let Some(limiter) = &self.shared.limiter
        {
            limiter.put_back(1);
        }
        for order in claimed {
            tracing::info!(order_id = %order.id, attempt = order.attempt, "its worker was lost at two attempts or more: the order runs exclusively");
            self.start(order, permits.take_all(), attempts);
        }
        ControlFlow::Continue(())
    }

    /// Claims orders that need their receipt, and orders for the handler.
    async fn claim(&mut self, mut permits: Permits, attempts: &mut Attempts) -> Next {
        if let Err(wait) = self.claim_receipts(&mut permits, attempts).await {
            return ControlFlow::Break(Wait::For(wait));
        }
        if permits.count() == 0 {
            return ControlFlow::Continue(());
        }
        let (calls, probe) = match self.admit(permits.count()) {
            Ok(admitted) => admitted,
            // Never longer than a scan: the breaker may close before its next probe.
            Err(wait) => return ControlFlow::Break(Wait::For(wait.min(self.slow_scan()))),
        };
        let limits = match &probe {
            Some((_, retry_is_due)) => LaneShares::probe(*retry_is_due),
            None => self.lanes.handler_calls(calls, &self.shared.running),
        };
        let claimed = self.claim_source.claim(limits).await;
        let unused = calls - claimed.as_ref().map_or(0, Vec::len).min(calls);
        if let Some(limiter) = &self.shared.limiter {
            limiter.put_back(unused);
        }
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(wait) => return ControlFlow::Break(Wait::For(wait)),
        };
        let is_probe = probe.is_some();
        if let (Some((permit, _)), Some(order)) = (probe, claimed.first()) {
            permit.sent(order.was_tried());
        }
        self.start_each(claimed, &mut permits, attempts);
        match (unused, is_probe) {
            (0, _) => ControlFlow::Continue(()),
            (_, true) => ControlFlow::Break(Wait::ForFreshWork),
            (_, false) => ControlFlow::Break(Wait::ForWork),
        }
    }

    /// Claims orders whose work is done, if receipts can be written.
    async fn claim_receipts(
        &mut self,
        permits: &mut Permits,
        attempts: &mut Attempts,
    ) -> Result<(), Duration> {
        let health = &self.shared.receipt_store_health;
        if !health.is_reachable() || !self.claim_source.has_receipts_to_write().await {
            return Ok(());
        }
        let is_on_trial = health.is_on_trial();
        let free = if is_on_trial { 1 } else { permits.count() };
        let limits = self.lanes.receipts(free, &self.shared.running);
        if limits.total == 0 {
            return Ok(());
        }
        let claimed = self.claim_source.claim(limits).await?;
        if claimed.len() == limits.total && !is_on_trial {
            self.claim_source.expect_more_receipts();
        }
        self.start_each(claimed, permits, attempts);
        Ok(())
    }

    /// How many of `wanted` orders may be claimed for the handler, and whether the one order is a probe: then also whether
    /// it may be one that was tried before.
    fn admit(&self, wanted: usize) -> Result<(usize, Option<(ProbePermit, bool)>), Duration> {
        let (wanted, probe) = match self.shared.endpoint.admit() {
            Admission::All => (wanted, None),
            Admission::Probe {
                permit,
                retry_is_due,
            } => (1, Some((permit, retry_is_due))),
            Admission::Wait(wait) => return Err(wait),
        };
        match &self.shared.limiter {
            Some(limiter) => limiter.take(wanted).map(|calls| (calls, probe)),
            None => Ok((wanted, probe)),
        }
    }

    fn start_each(
        &mut self,
        claimed: Vec<Arc<Order>>,
        permits: &mut Permits,
        attempts: &mut Attempts,
    ) {
        for order in claimed {
            let Some(permit) = permits.take_one() else {
                tracing::error!(order_id = %order.id, "the store gave more orders than were asked for; their leases run out");
                return;
            };
            self.start(order, permit, attempts);
        }
    }

    fn start(&mut self, order: Arc<Order>, permit: PermitsOfOne, attempts: &mut Attempts) {
        self.lanes.claimed(order.lane());
        let (guard, voids_older) = self.registry.enter(order, permit.claim);
        if voids_older {
            self.shared.counters.lost.add(1);
        }
        let work = Attempt {
            shared: Arc::clone(&self.shared),
            guard,
            permit: permit.attempt,
            finished: self.finished.clone(),
            give_back: attempts.give_back.clone(),
        };
        attempts.running.spawn(work.run());
    }

    async fn wait(&mut self, wait: Wait) {
        match wait {
            Wait::ForWork => self.claim_source.wait().await,
            Wait::ForFreshWork => {
                let until_retries = self.shared.endpoint.until_retries();
                let at_most = until_retries.min(self.slow_scan());
                self.claim_source.wait_for_hint(at_most).await;
            }
            Wait::For(wait) => tokio::time::sleep(wait).await,
        }
    }

    fn slow_scan(&self) -> Duration {
        self.shared.settings.tuning.slow_scan
    }
}

/// One claimed order in its task.
struct Attempt {
    shared: Arc<Shared>,
    guard: ClaimGuard,
    permit: tokio::sync::OwnedSemaphorePermit,
    finished: mpsc::Sender<Finished>,
    give_back: CancellationToken,
}

impl Attempt {
    async fn run(self) {
        let running = self.shared.running.begin(self.guard.order.lane());
        let disposition = tokio::select! {
            biased;
            disposition = attempt(&self.shared, &self.guard.order) => disposition,
            // The worker that has the order now decides about it.
            () = self.guard.lost() => return,
            () = self.give_back.cancelled() => Disposition::HAND_BACK,
        };
        drop((self.permit, running));
        // Fails only when the worker was stopped hard; the lease then runs out.
        let _ = self
            .finished
            .send(Finished::held(self.guard, disposition))
            .await;
    }
}

impl Attempts {
    /// Waits for the running attempts, and gives back what has not ended after `timeout`.
    async fn drain(mut self, timeout: Duration) {
        if tokio::time::timeout(timeout, self.all_ended())
            .await
            .is_ok()
        {
            return;
        }
        tracing::info!(
            attempts = self.running.len(),
            "running attempts are given back"
        );
        self.give_back.cancel();
        // An attempt that does not even notice this is left to the runtime; its lease runs out.
        let _ = tokio::time::timeout(STOP_NOTICE, self.all_ended()).await;
    }

    async fn all_ended(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            note_end(ended);
        }
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt broke outside its handler; its lease runs out");
    }
}
