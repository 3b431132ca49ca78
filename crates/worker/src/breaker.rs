//! The circuit breaker before the endpoint behind the handler: while the endpoint is known to be down no order is
//! claimed for it and no attempt is used up.
//!
//! The pool asks it before each claim, each attempt tells it how the call went. It starts no task and never waits; it
//! says how long to. Time is the clock's that is handed in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::Clock;
use domain::{OrderId, Timestamp};

use crate::settings::BreakerSettings;

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The endpoint works, as far as is known.
    Closed,
    /// The endpoint is down; nothing is claimed until the next probe.
    Open,
    /// One order at a time finds out whether the endpoint is back.
    HalfOpen,
}

/// How the breaker stands, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSnapshot {
    /// Whether calls go through.
    pub state: BreakerState,
    /// Since when, by the wall clock.
    pub since: Timestamp,
    /// Faults of the endpoint since it last answered.
    pub consecutive_faults: u32,
    /// How long until the next probe may be sent, where one is waited for.
    pub next_probe: Option<Duration>,
}

/// How a call went, as far as it speaks for or against the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// The endpoint answered, whatever it said of the order.
    Answered,
    /// It failed, which may be the order's fault: counted once an order.
    Unclear(OrderId),
    /// It failed as a whole.
    Failed,
}

/// Whether orders may be claimed.
pub(crate) enum Admission {
    /// Any number.
    All,
    /// One, to find out whether the endpoint is back.
    Probe(Probe),
    /// None before so much time has passed.
    Wait(Duration),
}

/// The right to send one probe. Dropping it without a result lets another one be sent.
pub(crate) struct Probe {
    breaker: Arc<Breaker>,
}

/// The breaker. One for all shards, because they share the endpoint.
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    settings: BreakerSettings,
    inner: Mutex<Inner>,
}

struct Inner {
    state: BreakerState,
    since: Timestamp,
    consecutive_faults: u32,
    /// The orders whose unclear faults are among the consecutive ones.
    suspects: BTreeSet<OrderId>,
    /// The last calls, a bit each, a fault is 1; `recent_calls` of them are filled.
    recent: u128,
    recent_calls: u32,
    /// When the endpoint last answered, by the monotonic clock.
    last_answer: Option<Duration>,
    probe_wait: Duration,
    next_probe: Duration,
    probing: bool,
}

/// How many of the last calls [`BreakerSettings::fault_percent`] looks at.
const WINDOW: u32 = 100;
/// With fewer calls than this a percentage says nothing.
const LEAST_CALLS: u32 = 20;
/// While another shard's probe runs, how soon to ask again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings, clock: Arc<dyn Clock>) -> Self {
        let since = clock.now();
        Self {
            clock,
            settings,
            inner: Mutex::new(Inner {
                state: BreakerState::Closed,
                since,
                consecutive_faults: 0,
                suspects: BTreeSet::new(),
                recent: 0,
                recent_calls: 0,
                last_answer: None,
                probe_wait: settings.first_probe,
                next_probe: Duration::ZERO,
                probing: false,
            }),
        }
    }

    /// How many orders may be claimed now.
    pub(crate) fn admit(self: &Arc<Self>) -> Admission {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        match inner.state {
            BreakerState::Closed => return Admission::All,
            BreakerState::Open if now < inner.next_probe => {
                return Admission::Wait(inner.next_probe.saturating_sub(now));
            }
            BreakerState::Open => {
                inner.state = BreakerState::HalfOpen;
                inner.since = self.clock.now();
            }
            BreakerState::HalfOpen if inner.probing => return Admission::Wait(ASK_AGAIN),
            BreakerState::HalfOpen => {}
        }
        inner.probing = true;
        Admission::Probe(Probe {
            breaker: Arc::clone(self),
        })
    }

    /// Takes note of a call. Returns whether the endpoint is known to be down after it.
    pub(crate) fn record(&self, call: Call, probe: Option<Probe>) -> bool {
        let is_probe = probe.is_some();
        let (down, news) = {
            let mut inner = self.lock();
            let news = match call {
                Call::Answered => self.answered(&mut inner),
                Call::Unclear(order) => {
                    let bound =
                        usize::try_from(self.settings.faults_in_a_row).unwrap_or(usize::MAX);
                    let fresh = inner.suspects.len() < bound && inner.suspects.insert(order);
                    self.failed(&mut inner, fresh, is_probe)
                }
                Call::Failed => self.failed(&mut inner, true, is_probe),
            };
            (inner.state != BreakerState::Closed, news)
        };
        // Let go only now, so that no second probe starts between the result and its effect.
        drop(probe);
        match news {
            Some(BreakerState::Closed) => {
                tracing::info!("the endpoint answers again, the circuit breaker closes")
            }
            Some(BreakerState::Open) => tracing::warn!(
                "the endpoint is down, the circuit breaker opens: no order is claimed for it"
            ),
            Some(BreakerState::HalfOpen) | None => {}
        }
        down
    }

    /// Whether the endpoint has answered anybody since `then` (monotonic).
    pub(crate) fn answered_since(&self, then: Duration) -> bool {
        self.lock().last_answer.is_some_and(|answer| answer > then)
    }

    /// How long until the next probe may be sent; nothing where calls go through.
    pub(crate) fn until_probe(&self) -> Duration {
        let now = self.clock.monotonic();
        let inner = self.lock();
        match inner.state {
            BreakerState::Closed => Duration::ZERO,
            BreakerState::Open | BreakerState::HalfOpen => inner.next_probe.saturating_sub(now),
        }
    }

    /// How it stands.
    pub(crate) fn snapshot(&self) -> BreakerSnapshot {
        let now = self.clock.monotonic();
        let inner = self.lock();
        BreakerSnapshot {
            state: inner.state,
            since: inner.since,
            consecutive_faults: inner.consecutive_faults,
            next_probe: match inner.state {
                BreakerState::Open => Some(inner.next_probe.saturating_sub(now)),
                BreakerState::Closed | BreakerState::HalfOpen => None,
            },
        }
    }

    fn answered(&self, inner: &mut Inner) -> Option<BreakerState> {
        inner.consecutive_faults = 0;
        inner.suspects.clear();
        inner.last_answer = Some(self.clock.monotonic());
        if inner.state == BreakerState::Closed {
            inner.note(false);
            return None;
        }
        inner.state = BreakerState::Closed;
        inner.since = self.clock.now();
        inner.recent = 0;
        inner.recent_calls = 0;
        inner.probe_wait = self.settings.first_probe;
        Some(BreakerState::Closed)
    }

    fn failed(&self, inner: &mut Inner, counts: bool, is_probe: bool) -> Option<BreakerState> {
        if counts {
            inner.consecutive_faults = inner.consecutive_faults.saturating_add(1);
        }
        match inner.state {
            BreakerState::Closed => {
                if counts {
                    inner.note(true);
                }
                if inner.consecutive_faults < self.settings.faults_in_a_row
                    && !self.mostly_fails(inner)
                {
                    return None;
                }
                inner.probe_wait = self.settings.first_probe;
                self.open(inner);
                Some(BreakerState::Open)
            }
            // A call from before the opening says nothing new; a failed probe does.
            BreakerState::Open | BreakerState::HalfOpen => {
                if is_probe {
                    inner.probe_wait = (inner.probe_wait * 2).min(self.settings.longest_probe);
                    self.open(inner);
                }
                None
            }
        }
    }

    fn open(&self, inner: &mut Inner) {
        if inner.state != BreakerState::Open {
            inner.state = BreakerState::Open;
            inner.since = self.clock.now();
        }
        inner.next_probe = self.clock.monotonic() + inner.probe_wait;
    }

    fn mostly_fails(&self, inner: &Inner) -> bool {
        inner.recent_calls >= LEAST_CALLS
            && inner.recent.count_ones() * 100 >= inner.recent_calls * self.settings.fault_percent
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, fault: bool) {
        self.recent = ((self.recent << 1) | u128::from(fault)) & ((1 << WINDOW) - 1);
        self.recent_calls = (self.recent_calls + 1).min(WINDOW);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.breaker.lock().probing = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Admission, Breaker, BreakerState, Call, Probe};
    use crate::settings::BreakerSettings;
    use application::system::ManualClock;
    use domain::{OrderId, Timestamp};

    fn breaker() -> (Arc<ManualClock>, Arc<Breaker>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0).unwrap()));
        let breaker = Breaker::new(BreakerSettings::default(), clock.clone());
        (clock, Arc::new(breaker))
    }

    fn probe(breaker: &Arc<Breaker>) -> Option<Probe> {
        match breaker.admit() {
            Admission::Probe(probe) => Some(probe),
            Admission::All | Admission::Wait(_) => None,
        }
    }

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.record(Call::Failed, None);
        }
    }

    #[test]
    fn opens_after_five_faults_in_a_row_and_an_answer_starts_the_count_again() {
        let (_, breaker) = breaker();
        fail(&breaker, 4);
        assert!(!breaker.record(Call::Answered, None));
        fail(&breaker, 4);
        assert_eq!(breaker.snapshot().state, BreakerState::Closed);
        assert!(breaker.record(Call::Failed, None));
        assert!(matches!(breaker.admit(), Admission::Wait(wait) if wait == Duration::from_secs(1)));
    }

    #[test]
    fn opens_where_half_of_the_calls_fail() {
        let (_, breaker) = breaker();
        for _ in 0..9 {
            breaker.record(Call::Answered, None);
            breaker.record(Call::Failed, None);
        }
        breaker.record(Call::Answered, None);
        assert_eq!(
            breaker.snapshot().state,
            BreakerState::Closed,
            "19 calls say nothing yet"
        );
        assert!(breaker.record(Call::Failed, None));
    }

    #[test]
    fn sends_one_probe_at_a_time_ever_more_seldom_and_closes_on_an_answer() {
        let (clock, breaker) = breaker();
        fail(&breaker, 5);
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.until_probe(), Duration::from_secs(wait));
            clock.advance(Duration::from_millis(wait * 1000 - 1));
            assert!(probe(&breaker).is_none());
            clock.advance(Duration::from_millis(1));
            let first = probe(&breaker);
            assert!(first.is_some());
            assert_eq!(breaker.snapshot().state, BreakerState::HalfOpen);
            assert!(probe(&breaker).is_none(), "one at a time");
            assert!(breaker.record(Call::Failed, first));
            assert_eq!(breaker.snapshot().state, BreakerState::Open);
        }
        clock.advance(Duration::from_secs(30));
        drop(probe(&breaker));
        let again = probe(&breaker);
        assert!(
            again.is_some(),
            "an abandoned probe makes room for the next"
        );
        assert!(!breaker.record(Call::Answered, again));
        assert!(matches!(breaker.admit(), Admission::All));
    }

    #[test]
    fn one_order_that_breaks_the_endpoint_does_not_open_it_but_five_do() {
        let (_, breaker) = breaker();
        let order = |n| Call::Unclear(OrderId::from_bytes([n; 16]));
        for _ in 0..20 {
            assert!(!breaker.record(order(1), None));
        }
        for n in 2..5 {
            assert!(!breaker.record(order(n), None));
        }
        assert!(breaker.record(order(5), None));
    }
}
