//! The pause of a busy endpoint: if it asks two or more customers to come back later, and answers nobody in between, calls
//! pause for the shortest of the times that it asked for. One customer's limit pauses nothing but that customer's orders.

use std::time::Duration;

use domain::UserId;

/// Who was asked to wait, and until when calls pause. Times are by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct BusyPause {
    /// The customer that was asked last since the endpoint last answered, and until when.
    last: Option<(UserId, Duration)>,
    until: Duration,
}

impl BusyPause {
    /// The endpoint asked `user` to wait for `retry_after`. Returns the length of the pause that begins with it.
    pub(super) fn record(
        &mut self,
        user: &UserId,
        now: Duration,
        retry_after: Duration,
    ) -> Option<Duration> {
        let until = now + retry_after;
        let other = self
            .last
            .replace((user.clone(), until))
            .filter(|(other, other_until)| other != user && *other_until > now);
        let (_, other_until) = other?;
        let was_paused = self.until > now;
        let shortest = until.min(other_until);
        self.until = if was_paused {
            self.until.min(shortest)
        } else {
            shortest
        };
        (!was_paused).then(|| shortest.saturating_sub(now))
    }

    /// The endpoint answered somebody.
    pub(super) fn answered(&mut self) {
        self.last = None;
        self.until = Duration::ZERO;
    }

    /// How much longer the pause is; `None` if there is none.
    pub(super) fn remaining(&self, now: Duration) -> Option<Duration> {
        self.until.checked_sub(now).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::UserId;

    use super::BusyPause;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn two_customers_without_an_answer_between_them_make_a_pause_of_the_shortest_wait() {
        let user = |name: &str| UserId::new(name).unwrap();
        let mut busy = BusyPause::default();
        let now = SECOND * 100;
        assert_eq!(busy.record(&user("alice"), now, SECOND * 30), None);
        assert_eq!(busy.record(&user("alice"), now, SECOND * 5), None);
        assert_eq!(busy.remaining(now), None, "one customer pauses nothing");
        busy.answered();
        assert_eq!(busy.record(&user("bob"), now, SECOND * 30), None);
        let pause = busy.record(&user("alice"), now + SECOND, SECOND * 4);
        assert_eq!(pause, Some(SECOND * 4));
        assert_eq!(busy.record(&user("carol"), now + SECOND, SECOND * 2), None);
        assert_eq!(busy.remaining(now + SECOND), Some(SECOND * 2));
        assert_eq!(busy.remaining(now + SECOND * 3), None);
        busy.record(&user("alice"), now + SECOND * 3, SECOND * 9);
        busy.record(&user("bob"), now + SECOND * 3, SECOND * 9);
        busy.answered();
        assert_eq!(busy.remaining(now + SECOND * 3), None, "an answer ends it");
    }
}
