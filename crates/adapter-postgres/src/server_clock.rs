//! The server's wall clock, by which work is due. If it is set back, waiting orders with a stored delay would be due too
//! late: their delays are restarted. A step is found by comparing the server's clock with this process's monotonic one,
//! whenever a worker asks for work. The first time on each connection there is nothing to compare with, and the delays are
//! restarted, too. Called by `transaction`, and by `schema` at the start; it never touches work that is due at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::Clock;
use domain::ShardId;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::error::reason;

/// Steps back that are shorter are not noticed at once: two clocks never run at the same speed.
const TOLERANCE_US: i64 = 100_000;

/// The most orders whose delays are restarted at once: it takes part of a second. If there are more, the writes that wait
/// have their turn in between.
const RESTARTED_AT_ONCE: u64 = 10_000;

/// Reads the server's clock, in microseconds since 1970.
pub(crate) const READ_CLOCK: &str =
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// An order that another transaction has locked is passed over: waiting for it could be mutual. Only orders that are due
/// in the future are looked at.
const RESTART_DELAYS: &str = "\
UPDATE orders AS o
SET due_at = statement_timestamp() + o.delay_us * interval '1 microsecond'
FROM (SELECT w.id FROM orders w
      WHERE w.lane = ANY('{0,1,2,3}'::smallint[]) AND w.due_at > statement_timestamp()
        AND w.due_at > statement_timestamp() + w.delay_us * interval '1 microsecond'
      LIMIT $1 FOR UPDATE SKIP LOCKED) AS late
WHERE o.id = late.id";

/// Makes waiting orders due as soon as their stored delays allow, at most [`RESTARTED_AT_ONCE`]; returns how many. Fails with
/// the reason if the server refuses or does not answer within `limit`.
pub(crate) async fn restart_delays(client: &Client, limit: Duration) -> Result<u64, String> {
    let batch = i64::try_from(RESTARTED_AT_ONCE).unwrap_or(i64::MAX);
    match timeout(limit, client.execute(RESTART_DELAYS, &[&batch])).await {
        Ok(restarted) => restarted.map_err(|error| reason(&error)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// The server's clock at some moment between two moments of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    asked_at: Duration,
    answered_at: Duration,
    server_us: i64,
}

impl Reading {
    /// A reading that was asked for at this moment of the monotonic clock and is answered now.
    pub(crate) fn answered(asked_at: Duration, server_us: i64, clock: &dyn Clock) -> Self {
        Self {
            asked_at,
            answered_at: clock.monotonic(),
            server_us,
        }
    }

    /// By how much the server's clock is ahead of the monotonic one, at least and at most.
    fn ahead_us(&self) -> (i64, i64) {
        let ahead_of = |moment: Duration| {
            let moment_us = i64::try_from(moment.as_micros()).unwrap_or(i64::MAX);
            self.server_us.saturating_sub(moment_us)
        };
        (ahead_of(self.answered_at), ahead_of(self.asked_at))
    }
}

/// What is known of the server's clock on one connection.
pub(crate) struct ServerClock {
    shard: ShardId,
    known: Mutex<Known>,
    /// How long a round trip may take. A transaction takes two of them at most.
    round_trip: Duration,
}

#[derive(Default)]
struct Known {
    /// By how much it was ahead of the monotonic clock at least, the largest that was seen since the last step back.
    ahead_us: Option<i64>,
    /// When the delays are restarted once more.
    again_at: Option<Duration>,
}

impl Known {
    /// Whether the clock was set back before this reading, or nothing was read before it.
    fn was_set_back(&self, reading: Reading) -> bool {
        let (_, most) = reading.ahead_us();
        self.ahead_us
            .is_none_or(|ahead| most < ahead.saturating_sub(TOLERANCE_US))
    }
}

impl ServerClock {
    /// The clock of a shard's server, of which nothing is known. A transaction takes two round trips at most.
    pub(crate) fn new(shard: ShardId, round_trip: Duration) -> Self {
        Self {
            shard,
            known: Mutex::default(),
            round_trip,
        }
    }

    /// Restarts delays outside of a transaction, after [`ServerClock::needs_restart`]. The next reading needs it again if
    /// there are more, and after a failure.
    pub(crate) async fn restart_delays(&self, client: &Client, reading: Reading) {
        let shard = self.shard.0;
        match restart_delays(client, self.round_trip).await {
            Ok(orders) => {
                if orders < RESTARTED_AT_ONCE {
                    self.restarted(reading);
                }
                if orders > 0 {
                    tracing::warn!(
                        shard,
                        orders,
                        "the server's clock was set back: delays of waiting orders are restarted"
                    );
                }
            }
            Err(reason) => {
                tracing::warn!(
                    shard,
                    reason,
                    "delays of waiting orders could not be restarted; that is tried again"
                );
            }
        }
    }

    /// Whether the delays have to be restarted: the clock was set back, or the transactions that ran when it was set back
    /// have ended.
    pub(crate) fn needs_restart(&self, reading: Reading) -> bool {
        let mut known = self.known();
        let is_late = known.again_at.is_some_and(|at| at <= reading.answered_at);
        if known.was_set_back(reading) {
            return true;
        }
        let (least, _) = reading.ahead_us();
        known.ahead_us = known.ahead_us.max(Some(least));
        is_late
    }

    /// Notes that the delays were restarted after this reading. After a step they are restarted once more, because a
    /// transaction that ran when the clock was set back can commit due times of before.
    fn restarted(&self, reading: Reading) {
        let mut known = self.known();
        let was_set_back = known.was_set_back(reading);
        let again_at = reading.answered_at.saturating_add(self.round_trip * 2);
        known.again_at = was_set_back.then_some(again_at);
        if was_set_back {
            known.ahead_us = Some(reading.ahead_us().0);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::ShardId;

    use super::{Reading, ServerClock};

    const ROUND_TRIP: Duration = Duration::from_secs(10);

    /// A reading that took this long, of a server's clock that shows `server_ms`.
    fn reading(asked_at_ms: u64, took_ms: u64, server_ms: i64) -> Reading {
        Reading {
            asked_at: Duration::from_millis(asked_at_ms),
            answered_at: Duration::from_millis(asked_at_ms + took_ms),
            server_us: server_ms * 1_000,
        }
    }

    /// The clock of a server whose delays were restarted twice after the first reading.
    fn read_at_once(server_ms: i64) -> ServerClock {
        let clock = ServerClock::new(ShardId(0), ROUND_TRIP);
        let (first, second) = (
            reading(0, 1, server_ms),
            reading(20_001, 1, server_ms + 20_001),
        );
        for reading in [first, second] {
            assert!(clock.needs_restart(reading));
            clock.restarted(reading);
        }
        assert!(!clock.needs_restart(reading(21_000, 1, server_ms + 21_000)));
        clock
    }

    #[test]
    fn a_slow_answer_and_a_step_forward_are_no_steps_back() {
        let clock = read_at_once(5_000_000);
        // Read by the server at the beginning of five seconds, or at their end.
        assert!(!clock.needs_restart(reading(22_000, 5_000, 5_022_000)));
        assert!(!clock.needs_restart(reading(28_000, 5_000, 5_033_000)));
        assert!(!clock.needs_restart(reading(34_000, 1, 5_033_950)));
        assert!(!clock.needs_restart(reading(35_000, 1, 9_000_000)));
    }

    #[test]
    fn a_step_back_is_found_until_the_delays_are_restarted_and_they_are_restarted_twice() {
        let clock = read_at_once(5_000_000);
        let step = reading(30_000, 1, 5_029_000);
        assert!(clock.needs_restart(step));
        let later = reading(31_000, 1, 5_030_000);
        assert!(clock.needs_restart(later), "nothing was restarted");
        clock.restarted(later);
        assert!(!clock.needs_restart(reading(32_000, 1, 5_031_000)));
        let again = reading(52_000, 1, 5_051_000);
        assert!(clock.needs_restart(again), "once more");
        clock.restarted(again);
        assert!(!clock.needs_restart(reading(80_000, 1, 5_079_000)));
    }

    #[test]
    fn short_steps_back_add_up() {
        let clock = read_at_once(5_000_000);
        assert!(!clock.needs_restart(reading(30_000, 1, 5_029_940)));
        assert!(clock.needs_restart(reading(31_000, 1, 5_030_880)));
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_right_again_was_set_back() {
        let clock = read_at_once(5_000_000);
        assert!(!clock.needs_restart(reading(30_000, 1, 8_600_000)));
        assert!(clock.needs_restart(reading(31_000, 1, 5_031_000)));
    }
}
