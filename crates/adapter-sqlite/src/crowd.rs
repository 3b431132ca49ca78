//! Whether a commit waits for company: how many callers come, and whether they come soon.
//!
//! Most of what a commit costs is its flush, however few it carries, and whoever comes while it is made has to wait for it
//! whole (PostgreSQL's `commit_delay` and `commit_siblings` are against the same). Kept by the queue.

use std::time::Duration;

use tokio::time::Instant;

/// From so many callers on that were lately there at once, a commit waits for a part of them. With fewer, waiting costs the
/// whole life of orders more than it saves.
pub(crate) const CROWD: usize = 32;

/// The longest that a commit waits for company. Nobody is waited for where fewer than [`CROWD`] come in as long: they are
/// not there because all are served as fast as it goes, but because something stood still for a moment.
pub(crate) const COMPANY: Duration = Duration::from_millis(1);

/// What is known of those who call. Older commits count less and less.
#[derive(Default)]
pub(crate) struct Crowd {
    /// The most callers that were there at once when a commit ended: those whom it carried and those who had come meanwhile.
    /// 64 times as large.
    around: usize,
    /// How many were carried, and in how long.
    pace: (usize, Duration),
    /// When the last commit began, and how many it carried.
    last: Option<(Instant, usize)>,
}

impl Crowd {
    /// The last commit has ended, and so many callers wait by now.
    pub(crate) fn ended(&mut self, came: usize) {
        let carried = self.last.map_or(0, |(_, carried)| carried);
        let around = (carried + came) * 64;
        self.around = around.max(self.around - self.around / 64);
    }

    /// A commit begins that carries so many.
    pub(crate) fn begins(&mut self, carried: usize, now: Instant) {
        if let Some((began, carried_then)) = self.last.replace((now, carried)) {
            let (callers, time) = &mut self.pace;
            // Sixteen times as much as in one, where all are alike.
            *callers = *callers - *callers / 16 + carried_then;
            *time = *time - *time / 16 + now.saturating_duration_since(began);
        }
    }

    /// How many callers a commit waits for; 0 where it is made at once. With three tenths of those around, commits are
    /// neither so small that their flushes are most of the work, nor do they carry so many that hardly anybody is left to be
    /// worked for while one is flushed.
    pub(crate) const fn wanted(&self) -> usize {
        let around = self.around / 64;
        let (callers, time) = self.pace;
        let is_fast = callers as u128 * COMPANY.as_nanos() >= CROWD as u128 * time.as_nanos();
        if around < CROWD || !is_fast {
            return 0;
        }
        around * 3 / 10
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{CROWD, Crowd};

    /// After many commits alike: how many each carried and how many came meanwhile, one begun so long after the other.
    fn after(carried: usize, came: usize, every: Duration) -> Crowd {
        let mut crowd = Crowd::default();
        let mut now = Instant::now();
        for _ in 0..200 {
            crowd.begins(carried, now);
            now += every;
            crowd.ended(came);
        }
        crowd
    }

    const QUICK: Duration = Duration::from_micros(300);

    #[test]
    fn a_few_are_not_kept_waiting_for_others() {
        let crowd = after(CROWD / 2, CROWD / 2 - 1, QUICK);
        assert_eq!(crowd.wanted(), 0);
    }

    #[test]
    fn some_of_many_are_waited_for() {
        let crowd = after(20, 44, QUICK);
        assert_eq!(crowd.wanted(), 19);
        let crowd = after(100, 156, Duration::from_millis(2));
        assert_eq!(crowd.wanted(), 76);
    }

    #[test]
    fn who_comes_slowly_is_not_waited_for() {
        // Sixteen a millisecond, few at once but for a disk that stood still for a moment.
        let mut crowd = after(5, 5, QUICK);
        let now = Instant::now();
        crowd.begins(5, now);
        crowd.ended(75);
        crowd.begins(75, now + Duration::from_millis(5));
        crowd.ended(5);
        assert_eq!(crowd.wanted(), 0);
    }

    #[test]
    fn those_who_were_around_are_forgotten_in_time() {
        let mut crowd = after(100, 156, QUICK);
        let mut commits = 0;
        let mut now = Instant::now();
        while crowd.wanted() > 0 {
            crowd.begins(1, now);
            now += QUICK;
            crowd.ended(1);
            commits += 1;
            assert!(commits < 200);
        }
    }
}
