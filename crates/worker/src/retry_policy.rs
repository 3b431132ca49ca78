//! What is done with an order after an attempt. Decides from the outcome's type, the attempts used up and what is known of
//! the endpoint. It calls nothing outside and never reads a text.

use std::sync::Arc;
use std::time::Duration;

use application::backoff::{Backoff, fraction_of};
use application::ports::{Clock, FaultScope, Guard, Ids, Outcome, Write};
use domain::{Failure, Order, Receipt, Refusal, Status, Timestamp};

use crate::endpoint::Endpoint;
use crate::settings::WorkerSettings;

/// The code of a dead letter that got only busy answers for too long.
const ENDPOINT_BUSY: &str = "endpoint_busy";

/// What is to be committed for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// PROCESSED. A receipt that is stored has been written by then.
    Complete { result: Option<Arc<str>> },
    /// RETRYING with the work done: only the receipt is missing.
    AwaitReceipt {
        result: Option<Arc<str>>,
        failure: Failure,
        delay: Duration,
    },
    /// RETRYING; the attempt counts.
    Retry { failure: Failure, delay: Duration },
    /// RETRYING; the attempt does not count, because the fault was not the order's.
    GiveBack {
        failure: Option<Failure>,
        delay: Duration,
    },
    /// RETRYING; the attempt does not count, because the endpoint was busy.
    PostponeBusy { failure: Failure, delay: Duration },
    /// FAILED: a dead letter.
    Fail(Failure),
}

impl Disposition {
    /// What a worker does with its claims when it stops.
    pub(crate) const HAND_BACK: Self = Self::GiveBack {
        failure: None,
        delay: Duration::ZERO,
    };

    /// The write of the disposition, guarded by the claim's token.
    pub(crate) fn write(&self, order: &Order, now: Timestamp) -> Result<Write, Refusal> {
        let decision = match self {
            Self::Complete { result } => {
                let receipt_key = Receipt::key_of(&order.user_id, order.id);
                order.complete(result.clone(), receipt_key, now)?
            }
            Self::AwaitReceipt {
                result,
                failure,
                delay,
            } => order.await_receipt(result.clone(), failure.clone(), *delay, now)?,
            Self::Retry { failure, delay } => order.retry(failure.clone(), *delay, now)?,
            Self::GiveBack { failure, delay } => order.give_back(failure.clone(), *delay, now)?,
            Self::PostponeBusy { failure, delay } => {
                order.postpone_busy(failure.clone(), *delay, now)?
            }
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

/// Turns outcomes into dispositions. One for all shards.
pub(crate) struct RetryPolicy {
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    endpoint: Arc<Endpoint>,
    backoff: Backoff,
    max_attempts: u32,
    retry_after_most: Duration,
    busy_limit: Duration,
}

impl RetryPolicy {
    pub(crate) fn new(
        settings: &WorkerSettings,
        endpoint: Arc<Endpoint>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            ids,
            clock,
            endpoint,
            backoff: Backoff {
                first: settings.backoff_first,
                most: settings.backoff_most,
            },
            max_attempts: settings.max_attempts,
            retry_after_most: settings.tuning.retry_after_most,
            busy_limit: settings.busy_limit,
        }
    }

    /// The disposition after an attempt that began at `began` by the monotonic clock; the endpoint's record takes note of it.
    pub(crate) fn decide(&self, order: &Order, outcome: Outcome, began: Duration) -> Disposition {
        match outcome {
            Outcome::Done { result } => {
                self.endpoint.answered(order);
                Disposition::Complete { result }
            }
            Outcome::Rejected(failure) => {
                self.endpoint.answered(order);
                Disposition::Fail(failure)
            }
            Outcome::Retry {
                failure,
                after,
                scope,
            } => match scope {
                FaultScope::Order => self.count(order, failure, self.asked_for(after)),
                FaultScope::Busy => self.postpone(order, failure, after),
                FaultScope::Unclear | FaultScope::Endpoint => {
                    let may_be_the_orders = scope == FaultScope::Unclear;
                    let report = self
                        .endpoint
                        .failed(order, &failure, began, may_be_the_orders);
                    let rest = self.asked_for(after).max(report.rest);
                    if report.counts {
                        self.count(order, failure, rest)
                    } else {
                        let delay = self.backoff(order).max(rest);
                        Disposition::GiveBack {
                            failure: Some(failure),
                            delay,
                        }
                    }
                }
            },
        }
    }

    /// The disposition after an attempt that failed for a reason other than the endpoint, such as a panic: it counts.
    pub(crate) fn count_against(&self, order: &Order, failure: Failure) -> Disposition {
        self.count(order, failure, Duration::ZERO)
    }

    /// The work is done and the receipt is not written.
    pub(crate) fn await_receipt(&self, result: Option<Arc<str>>, failure: Failure) -> Disposition {
        Disposition::AwaitReceipt {
            result,
            failure,
            delay: self.backoff.full_jitter(1, &*self.ids),
        }
    }

    fn count(&self, order: &Order, failure: Failure, rest: Duration) -> Disposition {
        if order.attempt < self.max_attempts {
            let delay = self.backoff(order).max(rest);
            return Disposition::Retry { failure, delay };
        }
        self.endpoint.forget(order);
        Disposition::Fail(failure)
    }

    fn postpone(&self, order: &Order, failure: Failure, after: Option<Duration>) -> Disposition {
        let asked_for = self.asked_for(after.or(Some(self.backoff.first)));
        self.endpoint.busy(order, asked_for);
        let now = self.clock.now();
        let is_past = |since: Timestamp| now >= since.saturating_add(self.busy_limit);
        if order.busy_since.is_some_and(is_past) {
            let hours = self.busy_limit.as_secs() / 3_600;
            let message = format!(
                "the endpoint gave only busy answers for {hours} h; the last one: {}",
                failure.message
            );
            return Disposition::Fail(Failure::new(ENDPOINT_BUSY, &message));
        }
        let delay = asked_for.max(self.backoff(order));
        Disposition::PostponeBusy { failure, delay }
    }

    fn backoff(&self, order: &Order) -> Duration {
        self.backoff.full_jitter(order.attempt, &*self.ids)
    }

    /// The wait that the endpoint asked for, bounded, plus a tenth of it at random, so that orders which were asked to wait
    /// together do not come back together.
    fn asked_for(&self, after: Option<Duration>) -> Duration {
        after.map_or(Duration::ZERO, |after| {
            let bounded = after.min(self.retry_after_most);
            bounded + fraction_of(bounded / 10, &*self.ids)
        })
    }
}
