//! What is to be done with an order after an attempt. Decides from the outcome's type, the attempts used up and what the
//! circuit breaker knows. It calls nothing outside and never reads a text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::ports::{Clock, FaultScope, Guard, Ids, Outcome, Write};
use domain::{Failure, Order, OrderId, Receipt, Refusal, Status, Timestamp};

use crate::backoff::{Backoff, fraction_of};
use crate::breaker::{Breaker, Call, Probe};
use crate::settings::WorkerSettings;

/// What is to be committed for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// PROCESSED. A receipt that is stored has been written by then.
    Complete { result: Option<Arc<str>> },
    /// RETRYING; the attempt counts.
    Retry { failure: Failure, delay: Duration },
    /// RETRYING; the attempt does not count, because the fault was not the order's.
    GiveBack {
        failure: Option<Failure>,
        delay: Duration,
    },
    /// FAILED: a dead letter.
    Fail(Failure),
}

impl Verdict {
    /// What a worker does with its claims when it stops.
    pub(crate) const HAND_BACK: Self = Self::GiveBack {
        failure: None,
        delay: Duration::ZERO,
    };

    /// The write of the verdict, guarded by the claim's token.
    pub(crate) fn write(&self, order: &Order, now: Timestamp) -> Result<Write, Refusal> {
        let decision = match self {
            Self::Complete { result } => {
                let receipt_key = Receipt::key_of(&order.user_id, order.id);
                order.complete(result.clone(), receipt_key, now)?
            }
            Self::Retry { failure, delay } => order.retry(failure.clone(), *delay, now)?,
            Self::GiveBack { failure, delay } => order.give_back(failure.clone(), *delay, now)?,
            Self::Fail(failure) => order.fail(failure.clone(), now)?,
        };
        Ok(Write {
            decision,
            guard: Guard::At {
                version: order.version,
                status: Status::Processing,
            },
        })
    }
}

/// Turns outcomes into verdicts. One for all shards.
pub(crate) struct Judge {
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    breaker: Arc<Breaker>,
    backoff: Backoff,
    max_attempts: u32,
    retry_after_most: Duration,
    last_chances: LastChances,
}

impl Judge {
    pub(crate) fn new(
        settings: &WorkerSettings,
        breaker: Arc<Breaker>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            ids,
            clock,
            breaker,
            backoff: Backoff {
                first: settings.backoff_first,
                most: settings.backoff_most,
            },
            max_attempts: settings.max_attempts,
            retry_after_most: settings.retry_after_most,
            last_chances: LastChances::default(),
        }
    }

    /// The verdict on an attempt; the breaker records it.
    pub(crate) fn judge(&self, order: &Order, outcome: Outcome, probe: Option<Probe>) -> Verdict {
        match outcome {
            Outcome::Done { result } => {
                self.breaker.record(Call::Answered, probe);
                Verdict::Complete { result }
            }
            Outcome::Rejected(failure) => {
                self.breaker.record(Call::Answered, probe);
                Verdict::Fail(failure)
            }
            Outcome::Retry {
                failure,
                after,
                scope,
            } => {
                let call = match scope {
                    FaultScope::Order | FaultScope::Busy => Call::Answered,
                    FaultScope::Unclear => Call::Unclear(order.id),
                    FaultScope::Endpoint => Call::Failed,
                };
                if self.breaker.record(call, probe) {
                    // In flight when the breaker opened, or a failed probe: the fault is not the order's. It is due
                    // with the next probe, behind the orders that wait already, so that one order is not every probe.
                    let delay = self.breaker.until_probe().max(self.asked_for(after));
                    return Verdict::GiveBack {
                        failure: Some(failure),
                        delay,
                    };
                }
                self.count(order, failure, after, scope)
            }
        }
    }

    /// The verdict on an attempt that failed for a reason other than the endpoint, such as a panic.
    pub(crate) fn count_against(&self, order: &Order, failure: Failure) -> Verdict {
        self.count(order, failure, None, FaultScope::Order)
    }

    /// The order waits without using up an attempt.
    pub(crate) fn postpone(&self, order: &Order, failure: Failure) -> Verdict {
        Verdict::GiveBack {
            failure: Some(failure),
            delay: self.backoff.full_jitter(order.attempt, &*self.ids),
        }
    }

    fn count(
        &self,
        order: &Order,
        failure: Failure,
        after: Option<Duration>,
        scope: FaultScope,
    ) -> Verdict {
        let delay = self
            .backoff
            .full_jitter(order.attempt, &*self.ids)
            .max(self.asked_for(after));
        if order.attempt < self.max_attempts {
            return Verdict::Retry { failure, delay };
        }
        if scope == FaultScope::Endpoint && !self.had_its_last_chance(order.id) {
            return Verdict::GiveBack {
                failure: Some(failure),
                delay,
            };
        }
        Verdict::Fail(failure)
    }

    /// A last attempt that met a fault of the endpoint makes no dead letter on its own: the endpoint may have gone down
    /// just now. The order becomes one if the endpoint has answered others since and then fails this order again.
    fn had_its_last_chance(&self, id: OrderId) -> bool {
        let now = self.clock.monotonic();
        self.last_chances
            .had_one(id, now, |then| self.breaker.answered_since(then))
    }

    /// The wait that the endpoint asked for, bounded, plus a tenth of it at random against a stampede.
    fn asked_for(&self, after: Option<Duration>) -> Duration {
        after.map_or(Duration::ZERO, |after| {
            let bounded = after.min(self.retry_after_most);
            bounded + fraction_of(bounded / 10, &*self.ids)
        })
    }
}

/// The orders whose last attempt met a fault of the endpoint, and when. Lost with the process, which gives an order
/// one more chance, no less.
#[derive(Default)]
struct LastChances {
    since: Mutex<HashMap<OrderId, Duration>>,
}

impl LastChances {
    /// Beyond it, further orders are given back without being remembered.
    const MOST: usize = 10_000;

    fn had_one(
        &self,
        id: OrderId,
        now: Duration,
        answered_since: impl Fn(Duration) -> bool,
    ) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match since.get(&id) {
            Some(then) if answered_since(*then) => {
                since.remove(&id);
                true
            }
            Some(_) => false,
            None => {
                if since.len() >= Self::MOST {
                    since.retain(|_, then| !answered_since(*then));
                }
                if since.len() < Self::MOST {
                    since.insert(id, now);
                }
                false
            }
        }
    }
}
