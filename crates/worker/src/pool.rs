//! The loop of one shard for a handler that takes time: permits first, then a claim of at most that many orders, then
//! a task an order. It ends when the worker stops and every attempt has ended or was given back.
//!
//! An order that runs alone takes all permits: the attempts of all shards, and the places of its own. Nothing is claimed
//! beside it, and if it kills this process, it kills nobody else's attempt.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attempt::attempt;
use crate::breaker::{Admission, Probe};
use crate::intake::Intake;
use crate::ledger::Finished;
use crate::parts::Shared;
use crate::register::{Hold, Register};
use crate::verdict::Verdict;

/// How long attempts that were told to stop may take to notice.
const LETTING_GO: Duration = Duration::from_secs(1);

pub(crate) struct Pool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) intake: Intake,
    pub(crate) register: Arc<Register>,
    /// One for each order that this shard may hold, from its claim to its outcome's commit. Apart from the permits of
    /// running attempts, so that a shard which takes no outcomes does not use up the attempts of the others.
    pub(crate) places: Arc<Semaphore>,
    /// The most orders of one claim: this shard's share of all attempts.
    pub(crate) share: usize,
    /// Has room for every place, so that sending never waits.
    pub(crate) finished: mpsc::Sender<Finished>,
}

/// Permits for as many orders as may be claimed.
struct Slots {
    /// They are all that there are, for one order.
    are_for_one: bool,
    attempts: OwnedSemaphorePermit,
    places: OwnedSemaphorePermit,
}

impl Pool {
    /// Works until `stop`; then running attempts have the configured time to end before they are given back.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        let give_back = CancellationToken::new();
        while !stop.is_cancelled() {
            while let Some(ended) = running.try_join_next() {
                note_end(ended);
            }
            let slots = tokio::select! {
                () = stop.cancelled() => break,
                slots = self.slots() => slots,
            };
            let Some(slots) = slots else { break };
            match self.admit(slots.count()).await {
                Ok((count, probe)) => {
                    let next = self
                        .claim(slots, count, probe, &mut running, &give_back)
                        .await;
                    if let ControlFlow::Break(wait) = next {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = self.wait(wait) => {}
                        }
                    }
                }
                Err(wait) => {
                    drop(slots);
                    // Never longer than a scan: the breaker may close before its next probe.
                    let wait = wait.min(self.shared.settings.slow_scan);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
        drain(running, &give_back, self.shared.settings.drain).await;
    }

    /// Waits for what the next claim needs.
    async fn slots(&mut self) -> Option<Slots> {
        if self.intake.has_quarantined_work().await {
            self.all_slots().await
        } else {
            self.some_slots().await
        }
    }

    /// Waits for all attempts and places. Whoever asks for one meanwhile comes after it, so that the wait is no longer
    /// than the longest attempt that runs.
    async fn all_slots(&self) -> Option<Slots> {
        let all = self.shared.settings.max_in_flight.max(1);
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.places)
            .acquire_many_owned(all)
            .await
            .ok()?;
        let attempts = Arc::clone(&self.shared.in_flight)
            .acquire_many_owned(all)
            .await
            .ok()?;
        Some(Slots {
            are_for_one: true,
            attempts,
            places,
        })
    }

    /// Waits for one free attempt and place, and takes what else is free, up to the shard's share.
    async fn some_slots(&self) -> Option<Slots> {
        let all_attempts = &self.shared.in_flight;
        let mut places = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let mut attempts = Arc::clone(all_attempts).acquire_owned().await.ok()?;
        let most = self.share.min(self.shared.settings.batch.max(1)) - 1;
        let more = most
            .min(all_attempts.available_permits())
            .min(self.places.available_permits());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0
            && let Ok(further_places) = Arc::clone(&self.places).try_acquire_many_owned(more)
            && let Ok(further_attempts) = Arc::clone(all_attempts).try_acquire_many_owned(more)
        {
            places.merge(further_places);
            attempts.merge(further_attempts);
        }
        Some(Slots {
            are_for_one: false,
            attempts,
            places,
        })
    }

    /// How many of `wanted` orders may be claimed by everything that protects what is behind the handler.
    async fn admit(&self, wanted: usize) -> Result<(usize, Option<Probe>), Duration> {
        self.shared.receipt_gate.admit().await?;
        let (wanted, probe) = match self.shared.breaker.admit() {
            Admission::All => (wanted, None),
            Admission::Probe(probe) => (1, Some(probe)),
            Admission::Wait(wait) => return Err(wait),
        };
        match &self.shared.limiter {
            Some(limiter) => limiter.take(wanted).map(|count| (count, probe)),
            None => Ok((wanted, probe)),
        }
    }

    /// Claims and starts attempts. Breaks with the wait of a store in trouble, or with none where nothing more is due.
    async fn claim(
        &mut self,
        mut slots: Slots,
        count: usize,
        mut probe: Option<Probe>,
        running: &mut JoinSet<()>,
        give_back: &CancellationToken,
    ) -> ControlFlow<Option<Duration>> {
        let claimed = if slots.are_for_one {
            self.intake.claim_quarantined().await
        } else {
            self.intake.claim(count).await
        };
        let unused = count - claimed.as_ref().map_or(0, Vec::len).min(count);
        if let Some(limiter) = &self.shared.limiter {
            limiter.put_back(unused);
        }
        let orders = match claimed {
            Ok(orders) => orders,
            Err(wait) => return ControlFlow::Break(Some(wait)),
        };
        for order in orders {
            let Some((attempt_permit, place)) = slots.split_one() else {
                tracing::error!(order_id = %order.id, "the store gave more orders than were asked for; their leases run out");
                break;
            };
            if slots.are_for_one {
                tracing::info!(order_id = %order.id, attempt = order.attempt, "its worker was lost at two attempts or more: the order runs alone");
            }
            let (hold, voids_older) = self.register.enter(order, place);
            if voids_older {
                self.shared.tally.lost.add(1);
            }
            let work = Attempt {
                shared: Arc::clone(&self.shared),
                hold,
                permit: attempt_permit,
                finished: self.finished.clone(),
                give_back: give_back.clone(),
            };
            running.spawn(work.run(probe.take()));
        }
        if unused == 0 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(None)
        }
    }

    async fn wait(&mut self, wait: Option<Duration>) {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => self.intake.wait().await,
        }
    }
}

impl Slots {
    /// The most orders that may be claimed.
    fn count(&self) -> usize {
        if self.are_for_one {
            1
        } else {
            self.attempts.num_permits()
        }
    }

    fn split_one(&mut self) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let (attempts, places) = if self.are_for_one {
            (self.attempts.num_permits(), self.places.num_permits())
        } else {
            (1, 1)
        };
        if attempts == 0 || places == 0 {
            return None;
        }
        Some((self.attempts.split(attempts)?, self.places.split(places)?))
    }
}

/// One claimed order in its task.
struct Attempt {
    shared: Arc<Shared>,
    hold: Hold,
    permit: OwnedSemaphorePermit,
    finished: mpsc::Sender<Finished>,
    give_back: CancellationToken,
}

impl Attempt {
    async fn run(self, probe: Option<Probe>) {
        let running = self.shared.running.begin();
        let verdict = tokio::select! {
            biased;
            verdict = attempt(&self.shared, &self.hold.order, probe) => verdict,
            // Whoever holds the order now decides its fate.
            () = self.hold.lost() => return,
            () = self.give_back.cancelled() => Verdict::HAND_BACK,
        };
        drop((self.permit, running));
        // Fails only when the worker was stopped hard; the lease then runs out.
        let _ = self.finished.send(Finished::held(self.hold, verdict)).await;
    }
}

async fn drain(mut running: JoinSet<()>, give_back: &CancellationToken, patience: Duration) {
    if tokio::time::timeout(patience, all_ended(&mut running))
        .await
        .is_ok()
    {
        return;
    }
    tracing::info!(attempts = running.len(), "running attempts are given back");
    give_back.cancel();
    // An attempt that does not even notice this is left to the runtime; its lease runs out.
    let _ = tokio::time::timeout(LETTING_GO, all_ended(&mut running)).await;
}

async fn all_ended(running: &mut JoinSet<()>) {
    while let Some(ended) = running.join_next().await {
        note_end(ended);
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt broke outside its handler; its lease runs out");
    }
}
