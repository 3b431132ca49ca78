//! The clock and the randomness of a running process, and a clock that tests turn by hand.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::{OrderId, Timestamp, UserId};
use rand::RngCore;

use crate::ports::{Clock, Ids};

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Reads the machine's clocks from now on.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the monotonic clock enters"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let ms = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(ms).expect("no machine's clock is past the year 9999")
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Randomness from the operating system's generator, through one generator a thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

/// So many of an id's random bits tell, of an order that is made now, when within its millisecond that was: to a quarter
/// of a microsecond (after method 3 of RFC 9562 section 6.2). 50 random bits are left, among the orders of that quarter.
const FRACTION_BITS: u32 = 12;

thread_local! {
    /// What the clock said when this thread made an id last.
    static LAST_NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

impl Ids for SystemIds {
    fn random(&self) -> u64 {
        rand::rng().next_u64()
    }

    fn order_id(&self, created_at: Timestamp, user: &UserId) -> OrderId {
        let random = self.random();
        let now = since_epoch();
        // A clock that stands still, or goes by large steps, tells nothing within the millisecond.
        let goes_on = LAST_NOW.replace(now) != now;
        let rest = match fraction_of(created_at, now).filter(|_| goes_on) {
            Some(fraction) => random >> FRACTION_BITS | fraction << (u64::BITS - FRACTION_BITS),
            None => random,
        };
        OrderId::new(created_at, user, rest)
    }
}

/// When within the millisecond of `created_at` it is `now`, in 2^[`FRACTION_BITS`] parts; `None` where that is another
/// time altogether, as of orders that are brought in.
fn fraction_of(created_at: Timestamp, now: Duration) -> Option<u64> {
    const PARTS: u64 = 1 << FRACTION_BITS;
    let since = now.checked_sub(Duration::from_millis(created_at.as_millis()))?;
    let nanos = u64::try_from(since.as_nanos()).ok()?;
    // The millisecond may have ended since the time was told.
    (nanos < 10_000_000).then(|| (nanos * PARTS / 1_000_000).min(PARTS - 1))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock enters"
)]
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A clock that stands still until it is turned. For tests.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            wall_ms: AtomicU64::new(now.as_millis()),
            monotonic_ms: AtomicU64::new(0),
        }
    }

    /// Lets time pass on both clocks, in whole milliseconds.
    pub fn advance(&self, duration: Duration) {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock, as an operator or NTP may: the monotonic clock does not notice.
    pub fn jump_to(&self, now: Timestamp) {
        self.wall_ms.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
            .expect("tests stay within representable time")
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{OrderId, Timestamp, UserId};

    use super::{SystemClock, SystemIds, fraction_of};
    use crate::ports::{Clock as _, Ids as _};

    fn fraction(created_ms: u64, now_ns: u64) -> Option<u64> {
        let created_at = Timestamp::from_millis(created_ms).unwrap();
        fraction_of(created_at, Duration::from_nanos(now_ns))
    }

    #[test]
    fn the_fraction_grows_within_the_millisecond_and_stays_in_it() {
        assert_eq!(fraction(7, 7_000_000), Some(0));
        assert_eq!(fraction(7, 7_500_000), Some(2_048));
        assert_eq!(fraction(7, 7_999_999), Some(4_095));
        assert_eq!(fraction(7, 8_000_001), Some(4_095), "told a moment ago");
        assert_eq!(fraction(7, 6_999_999), None, "the clock was set back");
        assert_eq!(fraction(7, 17_000_000), None, "a time of long ago");
    }

    #[test]
    fn orders_of_one_user_made_one_after_the_other_have_ascending_ids() {
        let (clock, user) = (SystemClock::new(), UserId::new("alice").unwrap());
        let mut ascending = 0;
        let mut last = OrderId::first_at(Timestamp::from_millis(0).unwrap());
        for _ in 0..1_000 {
            std::thread::sleep(Duration::from_micros(1));
            let id = SystemIds.order_id(clock.now(), &user);
            ascending += usize::from(id > last);
            last = id;
        }
        // The wall clock may be set back meanwhile, though not again and again; by chance alone half of them would.
        assert!(ascending > 900, "{ascending}");
    }

    #[test]
    fn ids_of_one_moment_differ() {
        let user = UserId::new("alice").unwrap();
        for created_at in [SystemClock::new().now(), Timestamp::from_millis(0).unwrap()] {
            let mut ids: Vec<_> = (0..10_000)
                .map(|_| SystemIds.order_id(created_at, &user))
                .collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), 10_000);
        }
    }
}
