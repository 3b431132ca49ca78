//! The circuit breaker before the endpoint behind the handler: while the endpoint answers nothing, orders wait instead of
//! being tried one after the other. It protects the endpoint and judges no order.
//!
//! It opens on consecutive faults without an answer for a second, or on a share of the recent calls for never-tried orders;
//! in both cases of at least two customers if more than one was tried lately. So neither one customer's bad orders nor the
//! retries of many stop the others. Any answer closes it. Pure: times are handed in.

use std::collections::VecDeque;
use std::time::Duration;

use application::backoff::{Backoff, Waits};
use domain::{Order, Timestamp, UserId};

use super::evidence::LastTwo;
use crate::settings::BreakerSettings;

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The endpoint works, as far as is known.
    Closed,
    /// The endpoint answers nothing: single orders probe it.
    Open,
}

/// The recent calls of which a share of faults opens the breaker. With fewer calls a share says nothing.
const WINDOW: usize = 100;
/// Consecutive faults open it only if nothing was answered for this long: among the calls for good orders, those for bad ones
/// often fail in a row, because they are repeated.
const SILENCE: Duration = Duration::from_secs(1);
/// A customer counts as tried for this long.
const TRIED_LATELY: Duration = Duration::from_secs(60);

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    since: Timestamp,
    /// Faults since the last answer, and the customers that met them.
    consecutive_faults: u32,
    faulty: Customers,
    last_answer: Option<Duration>,
    /// The last calls for never-tried orders, the oldest first: the customers of faults, and `None` for an answer. Retries
    /// are not in it: bad orders are called more often than good ones.
    recent: VecDeque<Option<UserId>>,
    tried: LastTwo<UserId>,
    /// The waits between probes by orders that were tried before, since it opened.
    probe_waits: Waits,
    next_retry_probe: Duration,
}

/// A call that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    user: &'a UserId,
    /// The order was tried before this attempt.
    was_tried: bool,
    /// The monotonic clock.
    now: Duration,
    wall: Timestamp,
}

impl<'a> Call<'a> {
    pub(super) fn of(order: &'a Order, now: Duration, wall: Timestamp) -> Self {
        Self {
            user: &order.user_id,
            was_tried: order.was_tried(),
            now,
            wall,
        }
    }
}

/// Whether something came of one customer or of several.
#[derive(Debug, Default)]
enum Customers {
    #[default]
    None,
    One(UserId),
    Several,
}

impl Customers {
    fn add(&mut self, user: &UserId) {
        match self {
            Self::None => *self = Self::One(user.clone()),
            Self::One(one) if one == user => {}
            Self::One(_) | Self::Several => *self = Self::Several,
        }
    }
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings, now: Timestamp) -> Self {
        Self {
            settings,
            state: BreakerState::Closed,
            since: now,
            consecutive_faults: 0,
            faulty: Customers::None,
            last_answer: None,
            recent: VecDeque::with_capacity(WINDOW),
            tried: LastTwo::default(),
            probe_waits: Backoff {
                first: settings.first_probe,
                most: settings.longest_probe,
            }
            .waits(),
            next_retry_probe: Duration::ZERO,
        }
    }

    pub(super) const fn state(&self) -> BreakerState {
        self.state
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == BreakerState::Closed
    }

    pub(super) const fn since(&self) -> Timestamp {
        self.since
    }

    pub(super) const fn consecutive_faults(&self) -> u32 {
        self.consecutive_faults
    }

    /// How long until an order that was tried before may probe; nothing while calls go through.
    pub(super) fn until_retry_probe(&self, now: Duration) -> Duration {
        match self.state {
            BreakerState::Closed => Duration::ZERO,
            BreakerState::Open => self.next_retry_probe.saturating_sub(now),
        }
    }

    /// Whether an order that was tried before may probe.
    pub(super) fn retry_probe_is_due(&self, now: Duration) -> bool {
        self.until_retry_probe(now).is_zero()
    }

    /// An order that was tried before probes: the next such probe comes after twice the wait, up to the longest.
    pub(super) fn retry_probe_sent(&mut self, now: Duration) {
        self.next_retry_probe = now + self.probe_waits.after_failure();
    }

    /// The endpoint answered. Returns whether that closes the breaker.
    pub(super) fn answered(&mut self, call: &Call<'_>) -> bool {
        self.consecutive_faults = 0;
        self.faulty = Customers::None;
        self.last_answer = Some(call.now);
        self.tried.record(call.user, call.now);
        if self.is_closed() {
            self.note(call, None);
            return false;
        }
        self.state = BreakerState::Closed;
        self.since = call.wall;
        self.recent.clear();
        true
    }

    /// The endpoint failed. Returns whether that opens the breaker.
    pub(super) fn failed(&mut self, call: &Call<'_>) -> bool {
        self.consecutive_faults = self.consecutive_faults.saturating_add(1);
        self.faulty.add(call.user);
        self.tried.record(call.user, call.now);
        if !self.is_closed() {
            return false;
        }
        self.note(call, Some(call.user.clone()));
        let lately = call.now.saturating_sub(TRIED_LATELY);
        let is_only_customer = !self.tried.another_since(call.user, lately);
        if !self.fails_in_a_row(call.now, is_only_customer) && !self.mostly_fails(is_only_customer)
        {
            return false;
        }
        self.state = BreakerState::Open;
        self.since = call.wall;
        self.probe_waits.reset();
        self.next_retry_probe = call.now + self.probe_waits.after_failure();
        true
    }

    fn fails_in_a_row(&self, now: Duration, is_only_customer: bool) -> bool {
        let is_silent = self
            .last_answer
            .is_none_or(|answer| now.saturating_sub(answer) >= SILENCE);
        is_silent
            && self.consecutive_faults >= self.settings.faults_in_a_row
            && (is_only_customer || matches!(self.faulty, Customers::Several))
    }

    fn mostly_fails(&self, is_only_customer: bool) -> bool {
        let percent = usize::try_from(self.settings.fault_percent).unwrap_or(usize::MAX);
        let mut faults = self.recent.iter().flatten();
        if self.recent.len() < WINDOW || faults.clone().count() * 100 < WINDOW * percent {
            return false;
        }
        let first = faults.next();
        is_only_customer || faults.any(|user| Some(user) != first)
    }

    fn note(&mut self, call: &Call<'_>, fault: Option<UserId>) {
        if call.was_tried {
            return;
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(fault);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Timestamp, UserId};

    use super::{Breaker, Call, WINDOW};
    use crate::settings::BreakerSettings;

    const SECOND: Duration = Duration::from_secs(1);

    fn user(number: usize) -> UserId {
        UserId::new(&format!("user-{number}")).unwrap()
    }

    fn wall() -> Timestamp {
        Timestamp::from_millis(0).unwrap()
    }

    fn breaker() -> Breaker {
        let settings = BreakerSettings {
            faults_in_a_row: 5,
            fault_percent: 50,
            first_probe: SECOND,
            longest_probe: SECOND * 30,
            grace: SECOND * 900,
        };
        Breaker::new(settings, wall())
    }

    /// A call for an order that was never tried before.
    fn call(user: &UserId, now: Duration) -> Call<'_> {
        Call {
            user,
            was_tried: false,
            now,
            wall: wall(),
        }
    }

    fn answered(breaker: &mut Breaker, number: usize, now: Duration) -> bool {
        breaker.answered(&call(&user(number), now))
    }

    fn failed(breaker: &mut Breaker, number: usize, now: Duration) -> bool {
        breaker.failed(&call(&user(number), now))
    }

    /// Faults in a row, of these customers in turn; how many it takes to open the breaker.
    fn faults_to_open(breaker: &mut Breaker, customers: usize, now: Duration) -> Option<usize> {
        (1..=50).find(|fault| failed(breaker, fault % customers, now))
    }

    #[test]
    fn consecutive_faults_of_two_customers_open_it_and_an_answer_starts_the_count_again() {
        let mut breaker = breaker();
        for _ in 0..4 {
            assert!(!failed(&mut breaker, 1, SECOND));
        }
        assert!(!answered(&mut breaker, 2, SECOND));
        assert_eq!(faults_to_open(&mut breaker, 2, SECOND * 2), Some(5));
        assert_eq!(breaker.until_retry_probe(SECOND * 2), SECOND);
        assert!(answered(&mut breaker, 2, SECOND * 2));
        assert!(breaker.is_closed());
    }

    #[test]
    fn consecutive_faults_within_a_second_of_an_answer_do_not_open_it() {
        let mut breaker = breaker();
        answered(&mut breaker, 9, SECOND);
        let soon = SECOND + Duration::from_millis(999);
        assert_eq!(faults_to_open(&mut breaker, 7, soon), None);
        assert_eq!(faults_to_open(&mut breaker, 7, SECOND * 2), Some(1));
    }

    #[test]
    fn one_customer_opens_it_only_if_no_other_was_tried_in_the_last_minute() {
        assert_eq!(faults_to_open(&mut breaker(), 1, SECOND), Some(5));
        let mut breaker = breaker();
        answered(&mut breaker, 7, SECOND);
        assert_eq!(faults_to_open(&mut breaker, 1, SECOND * 60), None);
        assert_eq!(faults_to_open(&mut breaker, 1, SECOND * 61), Some(1));
    }

    #[test]
    fn a_share_of_the_first_calls_opens_it_if_the_faults_are_of_several_customers() {
        for (customers, opens) in [(1, false), (2, true)] {
            let mut breaker = breaker();
            let mut has_opened = false;
            for number in 0..WINDOW {
                has_opened |= match number % 2 {
                    0 => answered(&mut breaker, 9, SECOND),
                    _ => failed(&mut breaker, number / 2 % customers, SECOND),
                };
            }
            assert_eq!(has_opened, opens, "{customers} customers");
            assert_eq!(breaker.is_closed(), !opens);
        }
    }

    #[test]
    fn a_third_of_bad_orders_with_their_retries_does_not_open_it() {
        let mut breaker = breaker();
        answered(&mut breaker, 9, SECOND);
        for number in 0..WINDOW * 10 {
            let opens = match number % 3 {
                0 => (0..8).any(|retry| {
                    let user = user(number % 7);
                    breaker.failed(&Call {
                        was_tried: retry > 0,
                        ..call(&user, SECOND)
                    })
                }),
                _ => answered(&mut breaker, 9, SECOND),
            };
            assert!(!opens);
        }
    }

    #[test]
    fn retries_probe_ever_more_seldom() {
        let mut breaker = breaker();
        assert!(breaker.retry_probe_is_due(SECOND), "closed");
        faults_to_open(&mut breaker, 1, Duration::ZERO);
        let mut now = Duration::ZERO;
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.until_retry_probe(now), SECOND * wait);
            now += SECOND * wait;
            assert!(breaker.retry_probe_is_due(now));
            breaker.retry_probe_sent(now);
            assert!(!failed(&mut breaker, 1, now));
        }
    }
}
