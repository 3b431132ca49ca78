//! How the running attempts are shared between the lanes: a claim gives each lane of handler calls up to half of all calls
//! while the other has due work, so that retries never hold up orders that were never tried, nor the other way round.

use std::sync::atomic::{AtomicUsize, Ordering};

use application::ports::{ClaimLimits, LaneLimit};
use domain::Lane;

/// The attempts that run, by lane. One for all shards.
#[derive(Default)]
pub(crate) struct RunningAttempts {
    by_lane: [AtomicUsize; Lane::ALL.len()],
}

/// An attempt that runs, until it is dropped.
pub(crate) struct RunningAttempt<'a>(&'a AtomicUsize);

impl RunningAttempts {
    /// An attempt of `lane` begins.
    pub(crate) fn begin(&self, lane: Lane) -> RunningAttempt<'_> {
        let running = &self.by_lane[lane.index()];
        running.fetch_add(1, Ordering::Relaxed);
        RunningAttempt(running)
    }

    /// How many run: fewer than permits are taken, while orders are claimed or a quarantined one runs.
    pub(crate) fn count(&self) -> usize {
        Lane::ALL.map(|lane| self.of(lane)).iter().sum()
    }

    fn of(&self, lane: Lane) -> usize {
        self.by_lane[lane.index()].load(Ordering::Relaxed)
    }
}

impl Drop for RunningAttempt<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The claims of one shard's pool.
pub(crate) struct LaneShares {
    /// Half of all calls, rounded up: what a lane may have while the other one has due work.
    half: usize,
    /// The lane that gets the odd order, if both lanes have as much of their share left: the one that did not get the last.
    favoured: Lane,
}

impl LaneShares {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        Self {
            half: max_in_flight.max(1).div_ceil(2),
            favoured: Lane::Fresh,
        }
    }

    /// A claim of at most `calls` orders for the handler.
    pub(crate) fn handler_calls(&self, calls: usize, running: &RunningAttempts) -> ClaimLimits {
        let left = |lane| self.half.saturating_sub(running.of(lane));
        let has_odd_call = calls % 2 == 1 && left(Lane::Fresh) == left(Lane::Retries);
        let limit = |lane| {
            let odd = usize::from(has_odd_call && lane == self.favoured);
            LaneLimit {
                share: left(lane) + odd,
                most: calls,
            }
        };
        limits(
            calls,
            [
                limit(Lane::Fresh),
                limit(Lane::Retries),
                LaneLimit::default(),
            ],
        )
    }

    /// A claim of one order that probes: a never-tried one, or else a retry if that may be.
    pub(crate) fn probe(retry_is_due: bool) -> ClaimLimits {
        let fresh = LaneLimit { share: 1, most: 1 };
        let retries = LaneLimit {
            share: 0,
            most: usize::from(retry_is_due),
        };
        limits(1, [fresh, retries, LaneLimit::default()])
    }

    /// A claim of orders that only need their receipt, beside `running` ones: at most half of all calls.
    pub(crate) fn receipts(&self, free: usize, running: &RunningAttempts) -> ClaimLimits {
        let left = self.half.saturating_sub(running.of(Lane::Receipts));
        let most = left.min(free);
        let receipts = LaneLimit { share: most, most };
        limits(most, [LaneLimit::default(), LaneLimit::default(), receipts])
    }

    /// An order was claimed.
    pub(crate) fn claimed(&mut self, lane: Lane) {
        match lane {
            Lane::Fresh => self.favoured = Lane::Retries,
            Lane::Retries => self.favoured = Lane::Fresh,
            Lane::Receipts => {}
        }
    }
}

const fn limits(total: usize, lanes: [LaneLimit; Lane::ALL.len()]) -> ClaimLimits {
    ClaimLimits { total, lanes }
}

#[cfg(test)]
mod tests {
    use domain::Lane;

    use super::{LaneShares, RunningAttempts};

    const PLENTY: [usize; 3] = [100, 100, 100];

    #[test]
    fn each_lane_gets_half_of_all_calls_while_both_have_due_work() {
        let running = RunningAttempts::default();
        let shares = LaneShares::new(8);
        let limits = shares.handler_calls(8, &running);
        assert_eq!(limits.allot(PLENTY), [4, 4, 0]);
        assert_eq!(limits.allot([100, 0, 9]), [8, 0, 0]);
        let _retries: Vec<_> = (0..6).map(|_| running.begin(Lane::Retries)).collect();
        assert_eq!(running.count(), 6);
        let limits = shares.handler_calls(2, &running);
        assert_eq!(limits.allot(PLENTY), [2, 0, 0]);
        assert_eq!(limits.allot([1, 100, 0]), [1, 1, 0]);
    }

    #[test]
    fn single_calls_alternate_between_the_lanes() {
        let running = RunningAttempts::default();
        for most in [1, 2, 64] {
            let mut shares = LaneShares::new(most);
            let mut claimed = Vec::new();
            for _ in 0..4 {
                let taken = shares.handler_calls(1, &running).allot(PLENTY);
                let lane = Lane::ALL.into_iter().find(|lane| taken[lane.index()] == 1);
                claimed.push(lane.unwrap());
                shares.claimed(lane.unwrap());
            }
            let [fresh, retries] = [Lane::Fresh, Lane::Retries];
            assert_eq!(claimed, [fresh, retries, fresh, retries], "{most} calls");
        }
    }

    #[test]
    fn a_probe_is_a_retry_only_if_no_order_was_never_tried_and_it_may_be() {
        assert_eq!(LaneShares::probe(true).allot(PLENTY), [1, 0, 0]);
        assert_eq!(LaneShares::probe(true).allot([0, 100, 100]), [0, 1, 0]);
        assert_eq!(LaneShares::probe(false).allot([0, 100, 100]), [0, 0, 0]);
    }

    #[test]
    fn receipts_use_half_of_the_calls_at_most() {
        let running = RunningAttempts::default();
        let shares = LaneShares::new(8);
        assert_eq!(shares.receipts(8, &running).allot(PLENTY), [0, 0, 4]);
        let _some: Vec<_> = (0..3).map(|_| running.begin(Lane::Receipts)).collect();
        assert_eq!(shares.receipts(8, &running).allot(PLENTY), [0, 0, 1]);
    }
}
