//! How many attempts may begin in a second: a token bucket over the clock that is handed in. It never waits itself;
//! it says how long to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::ports::Clock;

/// A token bucket. Its burst is a tenth of a second's worth, so that no second sees much more than the rate.
pub(crate) struct Limiter {
    clock: Arc<dyn Clock>,
    /// The time that one token takes to come.
    interval: Duration,
    /// The most time that is saved up.
    most: Duration,
    state: Mutex<Bucket>,
}

struct Bucket {
    /// Time saved up; a token costs one interval of it.
    saved: Duration,
    seen: Duration,
}

impl Limiter {
    pub(crate) fn new(per_second: u32, clock: Arc<dyn Clock>) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        let most = interval * (per_second / 10).max(1);
        let seen = clock.monotonic();
        Self {
            clock,
            interval,
            most,
            state: Mutex::new(Bucket { saved: most, seen }),
        }
    }

    /// Takes up to `wanted` tokens; where there is none, says how long until there is one.
    pub(crate) fn take(&self, wanted: usize) -> Result<usize, Duration> {
        let mut bucket = self.bucket();
        if bucket.saved < self.interval {
            return Err(self.interval.saturating_sub(bucket.saved));
        }
        let saved = bucket.saved.as_nanos() / self.interval.as_nanos().max(1);
        let taken = wanted.min(usize::try_from(saved).unwrap_or(usize::MAX));
        let cost = self.cost(taken);
        bucket.saved = bucket.saved.saturating_sub(cost);
        Ok(taken)
    }

    /// Puts back tokens for which no attempt was begun.
    pub(crate) fn put_back(&self, tokens: usize) {
        let mut bucket = self.bucket();
        bucket.saved = (bucket.saved + self.cost(tokens)).min(self.most);
    }

    fn cost(&self, tokens: usize) -> Duration {
        self.interval
            .saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        let now = self.clock.monotonic();
        let mut bucket = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(bucket.seen);
        bucket.seen = now;
        bucket.saved = bucket.saved.saturating_add(passed).min(self.most);
        bucket
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Limiter;
    use application::system::ManualClock;
    use domain::Timestamp;

    #[test]
    fn no_second_sees_much_more_than_the_rate() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0).unwrap()));
        let limiter = Limiter::new(50, clock.clone());
        let mut taken = 0;
        for _ in 0..1000 {
            taken += limiter.take(usize::MAX).unwrap_or(0);
            clock.advance(Duration::from_millis(1));
        }
        assert!((50..=55).contains(&taken), "{taken}");
    }

    #[test]
    fn what_was_not_used_is_not_lost_and_the_wait_is_told() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0).unwrap()));
        let limiter = Limiter::new(2, clock.clone());
        assert_eq!(limiter.take(5), Ok(1));
        assert_eq!(limiter.take(1), Err(Duration::from_millis(500)));
        limiter.put_back(1);
        assert_eq!(limiter.take(1), Ok(1));
        clock.advance(Duration::from_millis(300));
        assert_eq!(limiter.take(1), Err(Duration::from_millis(200)));
        clock.advance(Duration::from_secs(3600));
        assert_eq!(limiter.take(5), Ok(1), "an idle hour is no burst");
    }
}
