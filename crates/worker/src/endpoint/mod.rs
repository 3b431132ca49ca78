//! What the worker knows of the endpoint behind the handler, and how many calls it therefore makes: the circuit breaker, the
//! pause of a busy endpoint, and the evidence that decides whether a failed attempt counts against its order.
//!
//! The pool asks for admission before each claim; the retry policy reports how each call went. Nothing here starts a task or
//! waits: admission says how long to wait. One for all shards, because they share the endpoint.

mod breaker;
mod busy;
mod evidence;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::Clock;
use domain::{Failure, Order, Timestamp};

use crate::settings::BreakerSettings;
use breaker::{Breaker, Call};
use busy::BusyPause;
use evidence::Evidence;

pub use breaker::BreakerState;

/// At most one probe is sent in this time, whatever waits.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// While another shard decides whether it has a probe, how soon to ask again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How long an answer to one order excuses the endpoint from the misconfiguration that another order reports.
const ANSWERED_LATELY: Duration = Duration::from_secs(60);

/// What is known of the endpoint, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointSnapshot {
    /// Whether calls go through.
    pub breaker: BreakerState,
    /// Since when the breaker is in this state, by the wall clock.
    pub since: Timestamp,
    /// Faults of the endpoint since it last answered.
    pub consecutive_faults: u32,
    /// How long until the next probe is due, while the breaker is open. A never-tried order may probe earlier.
    pub next_probe: Option<Duration>,
    /// How much longer calls pause because the endpoint is busy.
    pub busy_pause: Option<Duration>,
}

/// How many orders may be claimed for the handler.
pub(crate) enum Admission {
    /// Any number.
    All,
    /// One, to find out whether the endpoint answers: a never-tried one, or else a retry if it is time for that.
    Probe {
        permit: ProbePermit,
        retry_is_due: bool,
    },
    /// None before this time has passed.
    Wait(Duration),
}

/// The right to send one probe. Dropped unused, it lets another one be sent.
pub(crate) struct ProbePermit {
    endpoint: Arc<Endpoint>,
}

/// What a fault means for the order that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultReport {
    /// The attempt counts: the endpoint answers other orders.
    pub(crate) counts: bool,
    /// How long the order rests at least: until the next probe, while the breaker is open.
    pub(crate) rest: Duration,
}

/// The endpoint, as far as its answers tell.
pub(crate) struct Endpoint {
    clock: Arc<dyn Clock>,
    grace: Duration,
    inner: Mutex<Inner>,
}

struct Inner {
    breaker: Breaker,
    busy: BusyPause,
    evidence: Evidence,
    /// When the next probe may be sent, by the monotonic clock.
    probe_from: Duration,
    probe_is_reserved: bool,
}

impl Endpoint {
    pub(crate) fn new(settings: BreakerSettings, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            breaker: Breaker::new(settings, clock.now()),
            busy: BusyPause::default(),
            evidence: Evidence::default(),
            probe_from: Duration::ZERO,
            probe_is_reserved: false,
        };
        Self {
            clock,
            grace: settings.grace,
            inner: Mutex::new(inner),
        }
    }

    /// Whether any number of calls may be made.
    pub(crate) fn is_open_for_all(&self) -> bool {
        let now = self.clock.monotonic();
        let inner = self.lock();
        inner.breaker.is_closed() && inner.busy.remaining(now).is_none()
    }

    /// How many orders may be claimed for the handler now.
    pub(crate) fn admit(self: &Arc<Self>) -> Admission {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        let pause = inner.busy.remaining(now);
        if inner.breaker.is_closed() && pause.is_none() {
            return Admission::All;
        }
        if now < inner.probe_from {
            let until_probe = inner.probe_from.saturating_sub(now);
            let until_end_of_pause = pause.filter(|_| inner.breaker.is_closed());
            return Admission::Wait(
                until_end_of_pause.map_or(until_probe, |end| end.min(until_probe)),
            );
        }
        if inner.probe_is_reserved {
            return Admission::Wait(ASK_AGAIN);
        }
        inner.probe_is_reserved = true;
        let retry_is_due = pause.is_none() && inner.breaker.retry_probe_is_due(now);
        Admission::Probe {
            permit: ProbePermit {
                endpoint: Arc::clone(self),
            },
            retry_is_due,
        }
    }

    /// How long until orders that were tried before may be called: when the pause ends, or the next of them may probe.
    pub(crate) fn until_retries(&self) -> Duration {
        let now = self.clock.monotonic();
        let inner = self.lock();
        let pause = inner.busy.remaining(now).unwrap_or_default();
        pause.max(inner.breaker.until_retry_probe(now))
    }

    /// The endpoint answered about `order`: it did the work, or rejected it for good.
    pub(crate) fn answered(&self, order: &Order) {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        inner.evidence.answered(order.id, now);
        inner.busy.answered();
        let closes = inner
            .breaker
            .answered(&Call::of(order, now, self.clock.now()));
        drop(inner);
        if closes {
            tracing::info!("the endpoint answers again, the circuit breaker closes");
        }
    }

    /// The endpoint was too busy for `order` and asks to wait for `retry_after`.
    pub(crate) fn busy(&self, order: &Order, retry_after: Duration) {
        let now = self.clock.monotonic();
        let begins = self.lock().busy.record(&order.user_id, now, retry_after);
        if let Some(pause) = begins {
            tracing::info!(
                pause_ms = pause.as_millis(),
                "the endpoint is busy for several customers, calls pause"
            );
        }
    }

    /// The call for `order`, which began at `began` by the monotonic clock, met a fault of the endpoint, `failure`. With
    /// `may_be_the_orders` the fault is the order's own if another order was answered lately.
    pub(crate) fn failed(
        &self,
        order: &Order,
        failure: &Failure,
        began: Duration,
        may_be_the_orders: bool,
    ) -> FaultReport {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        let inner = &mut *inner;
        let lately = now.saturating_sub(ANSWERED_LATELY);
        let answered_lately = inner.evidence.another_answered_since(order.id, lately);
        if may_be_the_orders && answered_lately {
            inner.evidence.failed(order.id, now);
            return FaultReport {
                counts: true,
                rest: Duration::ZERO,
            };
        }
        let since = inner.evidence.last_fault(order.id).unwrap_or(began);
        let counts = inner.evidence.another_answered_since(order.id, since)
            || inner.evidence.is_alone_past(order.id, now, self.grace);
        inner.evidence.failed(order.id, now);
        let opens = inner
            .breaker
            .failed(&Call::of(order, now, self.clock.now()));
        if opens {
            tracing::warn!(
                code = &*failure.code,
                reason = &*failure.message,
                "the endpoint does not answer, the circuit breaker opens: orders wait, and one at a time probes"
            );
        }
        FaultReport {
            counts,
            rest: inner.breaker.until_retry_probe(now),
        }
    }

    /// The order is final: nothing is remembered of it.
    pub(crate) fn forget(&self, order: &Order) {
        self.lock().evidence.forget(order.id);
    }

    /// How it stands.
    pub(crate) fn snapshot(&self) -> EndpointSnapshot {
        let now = self.clock.monotonic();
        let inner = self.lock();
        EndpointSnapshot {
            breaker: inner.breaker.state(),
            since: inner.breaker.since(),
            consecutive_faults: inner.breaker.consecutive_faults(),
            next_probe: (!inner.breaker.is_closed()).then(|| inner.breaker.until_retry_probe(now)),
            busy_pause: inner.busy.remaining(now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProbePermit {
    /// An order was claimed and is called; `is_retry` if it was tried before.
    pub(crate) fn sent(self, is_retry: bool) {
        let now = self.endpoint.clock.monotonic();
        let mut inner = self.endpoint.lock();
        inner.probe_from = now + PROBE_INTERVAL;
        if is_retry {
            inner.breaker.retry_probe_sent(now);
        }
    }
}

impl Drop for ProbePermit {
    fn drop(&mut self) {
        self.endpoint.lock().probe_is_reserved = false;
    }
}

#[cfg(test)]
mod tests;
