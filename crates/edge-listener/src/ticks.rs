//! The coarse clock of a listener: its sweeper advances it, and connections note ticks instead of times. So whatever a request or
//! a write leaves behind is one store of an integer, and tests advance the clock by hand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Ticks in the shortest timeout, which is therefore exact to an eighth.
const TICKS_IN_TIMEOUT: u32 = 8;
const LONGEST_TICK: Duration = Duration::from_secs(1);
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// The number of ticks since the listener began. It begins with 1, because a noted tick of 0 means "never".
#[derive(Debug)]
pub(crate) struct Ticks {
    now: AtomicU32,
}

impl Ticks {
    pub(crate) const fn new() -> Self {
        Self {
            now: AtomicU32::new(1),
        }
    }

    pub(crate) fn now(&self) -> u32 {
        self.now.load(Ordering::Relaxed)
    }

    /// Begins the next tick and returns it.
    pub(crate) fn advance(&self) -> u32 {
        self.now.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// How long a tick is if the shortest timeout is `shortest`.
pub(crate) fn tick_length(shortest: Duration) -> Duration {
    (shortest / TICKS_IN_TIMEOUT).clamp(SHORTEST_TICK, LONGEST_TICK)
}

/// After how many ticks `timeout` has passed for certain: one more than it has, because the first one had begun already.
pub(crate) fn ticks_in(timeout: Duration, tick: Duration) -> u32 {
    let ticks = timeout.as_nanos().div_ceil(tick.as_nanos().max(1)) + 1;
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{tick_length, ticks_in};

    #[test]
    fn a_timeout_is_never_shorter_than_it_says() {
        let tick = tick_length(Duration::from_secs(10));
        assert_eq!(tick, Duration::from_secs(1));
        assert_eq!(ticks_in(Duration::from_secs(10), tick), 11);
        let tick = tick_length(Duration::from_millis(400));
        assert_eq!(tick, Duration::from_millis(50));
        assert_eq!(ticks_in(Duration::from_millis(410), tick), 10);
        assert_eq!(tick_length(Duration::ZERO), Duration::from_millis(1));
    }
}
