//! Detects that the wall clock was set back, by comparing it with the monotonic clock. The writer asks it in each transaction.

use std::time::Duration;

use domain::Timestamp;

/// A smaller step back is ignored: the clock is being slewed, or was read a moment late.
const TOLERANCE_MS: i128 = 100;

/// The relation of the two clocks so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWatch {
    /// The greatest lead of the wall clock over the monotonic clock since it was last set back, in milliseconds.
    ahead_ms: i128,
}

impl ClockWatch {
    /// Begins with the present values of the clocks.
    pub(crate) fn begin(wall: Timestamp, monotonic: Duration) -> Self {
        Self {
            ahead_ms: ahead_ms(wall, monotonic),
        }
    }

    /// Returns the next state, and whether the wall clock was set back since the last call.
    pub(crate) fn look(self, wall: Timestamp, monotonic: Duration) -> (Self, bool) {
        let ahead_ms = ahead_ms(wall, monotonic);
        let is_set_back = ahead_ms < self.ahead_ms - TOLERANCE_MS;
        let ahead_ms = if is_set_back {
            ahead_ms
        } else {
            ahead_ms.max(self.ahead_ms)
        };
        (Self { ahead_ms }, is_set_back)
    }
}

fn ahead_ms(wall: Timestamp, monotonic: Duration) -> i128 {
    // It fits: no process runs that long.
    let monotonic_ms = i128::try_from(monotonic.as_millis()).unwrap_or(i128::MAX);
    i128::from(wall.as_millis()) - monotonic_ms
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;

    use super::ClockWatch;

    #[test]
    fn a_clock_that_is_set_back_is_detected_once() {
        let wall = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
        let after = Duration::from_millis;
        let watch = ClockWatch::begin(wall(0), after(0));
        let (watch, is_set_back) = watch.look(wall(60_000), after(60_010));
        assert!(!is_set_back, "read a moment late");
        let (watch, is_set_back) = watch.look(wall(3_660_000), after(61_000));
        assert!(!is_set_back, "set forward");
        let (watch, is_set_back) = watch.look(wall(61_000), after(61_000));
        assert!(is_set_back, "set back");
        let (watch, is_set_back) = watch.look(wall(62_000), after(62_000));
        assert!(!is_set_back);
        // Slewing is detected once it exceeds the tolerance.
        let (watch, is_set_back) = watch.look(wall(62_940), after(63_000));
        assert!(!is_set_back);
        let (_, is_set_back) = watch.look(wall(63_890), after(64_000));
        assert!(is_set_back);
    }
}
