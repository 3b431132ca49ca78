//! Whether a commit waits for company: how many callers come, and whether they come soon.
//!
//! Most of what a commit costs is its flush, however few it carries, and whoever comes while it is made has to wait for it
//! whole (PostgreSQL's `commit_delay` and `commit_siblings` are against the same). Kept by the queue.

use std::time::Duration;

use tokio::time::Instant;

/// From so many callers on that were lately there at once, a commit waits for a part of them. With fewer, waiting costs the
/// whole life of orders more than it saves.
pub(crate) const CROWD: usize = 32;

/// Nobody is waited for where no more than this come in the time that a commit usually takes: a crowd is then not there because
/// all are served as fast as it goes, but because something stood still for a moment.
const BRISK: u32 = 8;

/// So many times as long as a commit usually takes, one waits for company at most; and a writer that had nothing to write
/// for as long is not under load. Measured in commits, because how much is soon depends on the machine.
const PATIENCE: u32 = 4;

/// The longest that a commit waits for company, however long commits take.
pub(crate) const COMPANY: Duration = Duration::from_millis(5);

/// How long a commit is taken to last before any was made.
const QUICK: Duration = Duration::from_micros(250);

/// A commit is never taken to last less.
const QUICKEST: Duration = Duration::from_micros(50);

/// What is known of those who call. Older commits count less and less.
pub(crate) struct Crowd {
    /// The most callers that were there at once when a commit ended: those whom it carried and those who had come meanwhile.
    /// 64 times as large.
    around: usize,
    /// How many were carried, and in how long.
    pace: (u32, Duration),
    /// When the last commit began, and how many it carried.
    last: Option<(Instant, u32)>,
    /// How long a commit takes: as many of late took longer as took less, so that one which stood still for long counts
    /// no more than another.
    usual: Duration,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            around: 0,
            pace: (0, Duration::ZERO),
            last: None,
            usual: QUICK,
        }
    }
}

impl Crowd {
    /// The last commit has ended, and so many callers wait by now.
    pub(crate) fn ended(&mut self, came: usize, now: Instant) {
        let Some((began, carried)) = self.last else {
            return;
        };
        let around = (carried as usize + came) * 64;
        self.around = around.max(self.around - self.around / 64);
        let step = self.usual / 32;
        if now.saturating_duration_since(began) > self.usual {
            self.usual += step;
        } else {
            self.usual = (self.usual - step).max(QUICKEST);
        }
    }

    /// A commit begins that carries so many.
    pub(crate) fn begins(&mut self, carried: usize, now: Instant) {
        let carried = u32::try_from(carried).unwrap_or(u32::MAX);
        if let Some((began, carried_then)) = self.last.replace((now, carried)) {
            let (callers, time) = &mut self.pace;
            // Sixteen times as much as in one, where all are alike.
            *callers = (*callers - *callers / 16).saturating_add(carried_then);
            *time = *time - *time / 16 + now.saturating_duration_since(began);
        }
    }

    /// The writer had nothing to write for so long: after a rest, who was around before counts no more.
    pub(crate) fn rested(&mut self, long: Duration) {
        if long > self.patience() {
            *self = Self {
                usual: self.usual,
                ..Self::default()
            };
        }
    }

    /// For how long a commit waits at most, and after how long without work the writer is at rest.
    pub(crate) fn patience(&self) -> Duration {
        self.usual * PATIENCE
    }

    /// How many callers a commit waits for; 0 where it is made at once. With three tenths of those around, commits are
    /// neither so small that their flushes are most of the work, nor do they carry so many that hardly anybody is left to be
    /// worked for while one is flushed.
    pub(crate) fn wanted(&self) -> usize {
        let around = self.around / 64;
        let (callers, time) = self.pace;
        let is_brisk = self.usual * callers > time * BRISK;
        if around < CROWD || !is_brisk {
            return 0;
        }
        around * 3 / 10
    }
}

#[cfg(test)]
impl Crowd {
    /// So many callers are around, as many of whom come in the time of a commit, which is usually so long.
    pub(crate) fn of(around: usize, usual: Duration) -> Self {
        let come = u32::try_from(around).expect("a test has few callers");
        Self {
            around: around * 64,
            pace: (come, usual),
            last: None,
            usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{BRISK, CROWD, Crowd, PATIENCE};

    /// After many commits alike: how many each carried and how many came meanwhile, how long each took, and how long after
    /// its end the next one began.
    fn after(carried: usize, came: usize, took: Duration, pause: Duration) -> Crowd {
        let mut crowd = Crowd::default();
        let mut now = Instant::now();
        for _ in 0..200 {
            crowd.begins(carried, now);
            now += took;
            crowd.ended(came, now);
            now += pause;
        }
        crowd
    }

    const TOOK: Duration = Duration::from_micros(300);

    #[test]
    fn a_few_are_not_kept_waiting_for_others() {
        let crowd = after(CROWD / 2, CROWD / 2 - 1, TOOK, Duration::ZERO);
        assert_eq!(crowd.wanted(), 0);
    }

    #[test]
    fn some_of_many_are_waited_for_on_a_slow_machine_as_on_a_fast_one() {
        for slow in [1, 3, 40] {
            let took = TOOK * slow;
            let crowd = after(20, 44, took, Duration::ZERO);
            assert_eq!(crowd.wanted(), 19);
            let crowd = after(100, 156, took, took * 4);
            assert_eq!(crowd.wanted(), 76);
        }
    }

    #[test]
    fn who_comes_slowly_is_not_waited_for() {
        // Few at once, but for a disk that stood still for a moment.
        let few = BRISK as usize - 3;
        let mut crowd = after(few, few, TOOK, Duration::ZERO);
        let began = Instant::now();
        let stood_still = TOOK * 15;
        crowd.begins(few, began);
        crowd.ended(15 * few, began + stood_still);
        crowd.begins(15 * few, began + stood_still);
        crowd.ended(few, began + stood_still + TOOK);
        assert_eq!(crowd.wanted(), 0);
    }

    #[test]
    fn many_who_come_at_once_after_a_rest_make_nobody_wait() {
        let mut crowd = Crowd::default();
        let now = Instant::now();
        crowd.begins(1, now);
        crowd.ended(100, now + TOOK);
        assert_eq!(crowd.wanted(), 0);
    }

    #[test]
    fn those_who_were_around_are_forgotten_in_time() {
        let mut crowd = after(100, 156, TOOK, Duration::ZERO);
        let mut commits = 0;
        let mut now = Instant::now();
        while crowd.wanted() > 0 {
            crowd.begins(1, now);
            now += TOOK;
            crowd.ended(1, now);
            commits += 1;
            assert!(commits < 200);
        }
    }

    #[test]
    fn a_wait_is_as_long_as_a_few_usual_commits() {
        for took in [TOOK / 2, TOOK * 3] {
            let mut crowd = after(1, 1, took, Duration::ZERO);
            // One that stands still, and one that has nothing to do, do not count for more than others.
            let now = Instant::now();
            for extreme in [Duration::ZERO, Duration::from_secs(1)] {
                crowd.begins(1, now);
                crowd.ended(1, now + extreme);
            }
            let patience = crowd.patience();
            let expected = took * PATIENCE;
            assert!(patience > expected * 9 / 10, "{patience:?}");
            assert!(patience < expected * 11 / 10, "{patience:?}");
        }
    }

    #[test]
    fn only_a_long_rest_makes_those_who_were_around_forgotten() {
        let mut crowd = after(100, 156, TOOK, Duration::ZERO);
        crowd.rested(TOOK);
        assert_eq!(crowd.wanted(), 76);
        crowd.rested(TOOK * (PATIENCE + 1));
        assert_eq!(crowd.wanted(), 0);
    }
}
