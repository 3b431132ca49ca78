//! Group-commit delay: decides from recent load whether the writer waits for more callers before it commits, and how long.
//!
//! Most of what a commit costs is its flush, however few writes it carries, and a caller that arrives during a commit waits
//! for the whole of it. PostgreSQL has the settings `commit_delay` and `commit_siblings` for the same reason. The queue owns
//! one [`CommitDelay`], reports every commit to it and asks it before the next one. Nothing here waits or locks.

use std::time::Duration;

use tokio::time::Instant;

/// The number of concurrent callers from which commits are delayed. With fewer callers the delay costs an order more time,
/// over its whole life, than it saves.
pub(crate) const COMMIT_SIBLINGS: usize = 32;

/// Commits are delayed only if more callers than this arrive in the time of a usual commit. Otherwise many callers are
/// waiting because something stalled, and not because the load is high.
const MIN_ARRIVALS: u32 = 8;

/// The longest delay, as a multiple of the usual commit time; a writer that was idle for longer is not under load. It is
/// measured in commits because their time depends on the machine.
const MAX_DELAY_COMMITS: u32 = 4;

/// The longest delay, however long commits take.
pub(crate) const MAX_DELAY: Duration = Duration::from_millis(5);

/// The commit time that is assumed before the first commit.
const INITIAL_COMMIT_TIME: Duration = Duration::from_micros(250);

/// The least value of the estimated commit time.
const MIN_COMMIT_TIME: Duration = Duration::from_micros(50);

/// `recent_callers` is kept as this multiple, so that it decays in small steps.
const SCALE: usize = 64;

/// Moving estimates of the load. Older commits count less and less.
pub(crate) struct CommitDelay {
    /// The most callers that were present at the end of a commit: those that it carried, and those that arrived meanwhile.
    /// Multiplied by [`SCALE`].
    recent_callers: usize,
    /// The decaying sums of callers that were committed, and of the time that this took.
    throughput: (u32, Duration),
    /// When the last commit began, and how many callers it carried.
    last: Option<(Instant, u32)>,
    /// The usual time of a commit: an estimate of the median, so that one stalled commit counts no more than any other.
    commit_time: Duration,
}

impl Default for CommitDelay {
    fn default() -> Self {
        Self {
            recent_callers: 0,
            throughput: (0, Duration::ZERO),
            last: None,
            commit_time: INITIAL_COMMIT_TIME,
        }
    }
}

impl CommitDelay {
    /// Records that the last commit has ended while `waiting` callers are queued.
    pub(crate) fn commit_ended(&mut self, waiting: usize, now: Instant) {
        let Some((began, carried)) = self.last else {
            return;
        };
        let callers = (carried as usize + waiting) * SCALE;
        self.recent_callers = callers.max(self.recent_callers - self.recent_callers / SCALE);
        let step = self.commit_time / 32;
        if now.saturating_duration_since(began) > self.commit_time {
            self.commit_time += step;
        } else {
            self.commit_time = (self.commit_time - step).max(MIN_COMMIT_TIME);
        }
    }

    /// Records that a commit begins that carries this many callers.
    pub(crate) fn commit_begins(&mut self, carried: usize, now: Instant) {
        let carried = u32::try_from(carried).unwrap_or(u32::MAX);
        if let Some((began, carried_before)) = self.last.replace((now, carried)) {
            let (callers, time) = &mut self.throughput;
            // Both sums approach sixteen times the values of one commit.
            *callers = (*callers - *callers / 16).saturating_add(carried_before);
            *time = *time - *time / 16 + now.saturating_duration_since(began);
        }
    }

    /// Records that the writer was idle for this long. A long pause resets the load estimates.
    pub(crate) fn was_idle(&mut self, duration: Duration) {
        if duration > self.max_delay() {
            *self = Self {
                commit_time: self.commit_time,
                ..Self::default()
            };
        }
    }

    /// The longest delay at the present commit time, and the pause after which the writer counts as idle.
    pub(crate) fn max_delay(&self) -> Duration {
        self.commit_time * MAX_DELAY_COMMITS
    }

    /// The number of callers that the next commit waits for; 0 if it is not delayed.
    ///
    /// It is three tenths of the recent callers. Then flushes are not most of the work, and enough callers are left to
    /// prepare the next commit while one is flushed.
    pub(crate) fn target_callers(&self) -> usize {
        let recent = self.recent_callers / SCALE;
        let (callers, time) = self.throughput;
        let arrive_quickly = self.commit_time * callers > time * MIN_ARRIVALS;
        if recent < COMMIT_SIBLINGS || !arrive_quickly {
            return 0;
        }
        recent * 3 / 10
    }
}

#[cfg(test)]
impl CommitDelay {
    /// The state under the load of this many callers, all of which arrive in the time of one commit.
    pub(crate) fn under_load(callers: usize, commit_time: Duration) -> Self {
        let arrivals = u32::try_from(callers).expect("a test has few callers");
        Self {
            recent_callers: callers * SCALE,
            throughput: (arrivals, commit_time),
            last: None,
            commit_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{COMMIT_SIBLINGS, CommitDelay, MAX_DELAY_COMMITS, MIN_ARRIVALS};

    /// The state after many equal commits: `carried` callers in each, `arrived` more during it, the duration `took`, and
    /// `pause` before the next one.
    fn after(carried: usize, arrived: usize, took: Duration, pause: Duration) -> CommitDelay {
        let mut delay = CommitDelay::default();
        let mut now = Instant::now();
        for _ in 0..200 {
            delay.commit_begins(carried, now);
            now += took;
            delay.commit_ended(arrived, now);
            now += pause;
        }
        delay
    }

    const TOOK: Duration = Duration::from_micros(300);

    #[test]
    fn commits_of_few_callers_are_not_delayed() {
        let delay = after(
            COMMIT_SIBLINGS / 2,
            COMMIT_SIBLINGS / 2 - 1,
            TOOK,
            Duration::ZERO,
        );
        assert_eq!(delay.target_callers(), 0);
    }

    #[test]
    fn the_target_is_a_part_of_the_callers_on_slow_and_fast_machines() {
        for slow in [1, 3, 40] {
            let took = TOOK * slow;
            let delay = after(20, 44, took, Duration::ZERO);
            assert_eq!(delay.target_callers(), 19);
            let delay = after(100, 156, took, took * 4);
            assert_eq!(delay.target_callers(), 76);
        }
    }

    #[test]
    fn callers_that_arrive_slowly_are_not_waited_for() {
        // Few callers at a time, and then many because of one stalled commit.
        let few = MIN_ARRIVALS as usize - 3;
        let mut delay = after(few, few, TOOK, Duration::ZERO);
        let began = Instant::now();
        let stall = TOOK * 15;
        delay.commit_begins(few, began);
        delay.commit_ended(15 * few, began + stall);
        delay.commit_begins(15 * few, began + stall);
        delay.commit_ended(few, began + stall + TOOK);
        assert_eq!(delay.target_callers(), 0);
    }

    #[test]
    fn a_burst_after_a_pause_delays_no_commit() {
        let mut delay = CommitDelay::default();
        let now = Instant::now();
        delay.commit_begins(1, now);
        delay.commit_ended(100, now + TOOK);
        assert_eq!(delay.target_callers(), 0);
    }

    #[test]
    fn the_delay_ends_after_the_load_has_ended() {
        let mut delay = after(100, 156, TOOK, Duration::ZERO);
        let mut commits = 0;
        let mut now = Instant::now();
        while delay.target_callers() > 0 {
            delay.commit_begins(1, now);
            now += TOOK;
            delay.commit_ended(1, now);
            commits += 1;
            assert!(commits < 200);
        }
    }

    #[test]
    fn the_longest_delay_is_a_few_usual_commits() {
        for took in [TOOK / 2, TOOK * 3] {
            let mut delay = after(1, 1, took, Duration::ZERO);
            // A stalled commit and an empty one count no more than others.
            let now = Instant::now();
            for extreme in [Duration::ZERO, Duration::from_secs(1)] {
                delay.commit_begins(1, now);
                delay.commit_ended(1, now + extreme);
            }
            let longest = delay.max_delay();
            let expected = took * MAX_DELAY_COMMITS;
            assert!(longest > expected * 9 / 10, "{longest:?}");
            assert!(longest < expected * 11 / 10, "{longest:?}");
        }
    }

    #[test]
    fn only_a_long_pause_resets_the_load() {
        let mut delay = after(100, 156, TOOK, Duration::ZERO);
        delay.was_idle(TOOK);
        assert_eq!(delay.target_callers(), 76);
        delay.was_idle(TOOK * (MAX_DELAY_COMMITS + 1));
        assert_eq!(delay.target_callers(), 0);
    }
}
