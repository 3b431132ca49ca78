//! What is remembered of answers and faults, in bounded memory, to tell an order's own fault from the endpoint's: an order
//! that fails while the endpoint answers others is at fault itself. Times are by the monotonic clock.

use std::collections::HashMap;
use std::time::Duration;

use domain::OrderId;

/// The most orders whose last fault is remembered.
const MOST_FAULTS: usize = 16_384;
/// Faults are not remembered for longer: the order was cancelled or held meanwhile. At least the longest delay of a retry.
const REMEMBERED_FOR: Duration = Duration::from_secs(3_600);
/// How often old faults are looked for while there are too many.
const PRUNED_EVERY: Duration = Duration::from_secs(60);
/// How far back a fault is assumed for an order that is not remembered, if there are more failing orders than that.
const ASSUMED_FAULT: Duration = Duration::from_secs(60);

/// The last two different keys and when they came, the newest first: enough to tell whether something came from another
/// source since a time.
#[derive(Debug)]
pub(super) struct LastTwo<K>([Option<(K, Duration)>; 2]);

impl<K> Default for LastTwo<K> {
    fn default() -> Self {
        Self([None, None])
    }
}

impl<K: PartialEq + Clone> LastTwo<K> {
    pub(super) fn record(&mut self, key: &K, now: Duration) {
        let [newest, older] = &mut self.0;
        match newest {
            Some((last, at)) if last == key => *at = now,
            Some(_) | None => {
                *older = newest.take();
                *newest = Some((key.clone(), now));
            }
        }
    }

    /// Whether a key other than `key` came after `since`.
    pub(super) fn another_since(&self, key: &K, since: Duration) -> bool {
        self.0
            .iter()
            .flatten()
            .any(|(other, at)| other != key && *at > since)
    }
}

/// Answers and faults of the endpoint.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    answers: LastTwo<OrderId>,
    faults: LastTwo<OrderId>,
    /// When the first fault came since the endpoint last answered.
    silent_since: Option<Duration>,
    last_faults: HashMap<OrderId, Duration>,
    pruned_at: Duration,
    /// Some order's fault was forgotten to keep the bound.
    has_forgotten: Option<Duration>,
}

impl Evidence {
    pub(super) fn answered(&mut self, order: OrderId, now: Duration) {
        self.answers.record(&order, now);
        self.silent_since = None;
        self.last_faults.remove(&order);
    }

    pub(super) fn failed(&mut self, order: OrderId, now: Duration) {
        self.faults.record(&order, now);
        self.silent_since.get_or_insert(now);
        self.prune(now);
        if self.last_faults.len() >= MOST_FAULTS && !self.last_faults.contains_key(&order) {
            self.has_forgotten = Some(now);
        } else {
            self.last_faults.insert(order, now);
        }
    }

    /// Makes room if there is none.
    fn prune(&mut self, now: Duration) {
        let is_full = self.last_faults.len() >= MOST_FAULTS;
        if is_full && now.saturating_sub(self.pruned_at) >= PRUNED_EVERY {
            self.pruned_at = now;
            let oldest = now.saturating_sub(REMEMBERED_FOR);
            self.last_faults.retain(|_, at| *at >= oldest);
        }
    }

    pub(super) fn forget(&mut self, order: OrderId) {
        self.last_faults.remove(&order);
    }

    /// When `order` last failed, as far as that is known; `None` for its first fault. If too many orders fail to remember
    /// each, it is assumed to have failed a minute before the last one that was not remembered.
    pub(super) fn last_fault(&self, order: OrderId) -> Option<Duration> {
        let assumed = || Some(self.has_forgotten?.saturating_sub(ASSUMED_FAULT));
        self.last_faults.get(&order).copied().or_else(assumed)
    }

    /// Whether the endpoint answered another order after `since`.
    pub(super) fn another_answered_since(&self, order: OrderId, since: Duration) -> bool {
        self.answers.another_since(&order, since)
    }

    /// Whether nothing was answered for `grace` and no other order was tried in that time.
    pub(super) fn is_alone_past(&self, order: OrderId, now: Duration, grace: Duration) -> bool {
        let is_past = self
            .silent_since
            .is_some_and(|since| now.saturating_sub(since) >= grace);
        is_past && !self.faults.another_since(&order, now.saturating_sub(grace))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::OrderId;

    use super::{Evidence, MOST_FAULTS};

    const SECOND: Duration = Duration::from_secs(1);

    fn order(number: u64) -> OrderId {
        OrderId::from_bytes(u128::from(number).to_be_bytes())
    }

    #[test]
    fn only_answers_to_other_orders_speak_against_an_order() {
        let mut evidence = Evidence::default();
        evidence.answered(order(1), SECOND * 10);
        assert!(!evidence.another_answered_since(order(1), SECOND));
        assert!(evidence.another_answered_since(order(2), SECOND * 9));
        assert!(!evidence.another_answered_since(order(2), SECOND * 10));
        evidence.answered(order(2), SECOND * 11);
        evidence.answered(order(2), SECOND * 12);
        assert!(evidence.another_answered_since(order(1), SECOND * 11));
        assert!(evidence.another_answered_since(order(2), SECOND * 9));
        assert!(!evidence.another_answered_since(order(2), SECOND * 10));
    }

    #[test]
    fn an_order_is_alone_if_no_other_failed_and_none_was_answered_for_the_grace() {
        let grace = SECOND * 900;
        let mut evidence = Evidence::default();
        evidence.failed(order(1), SECOND);
        assert!(!evidence.is_alone_past(order(1), SECOND * 900, grace));
        assert!(evidence.is_alone_past(order(1), SECOND * 901, grace));
        evidence.failed(order(2), SECOND * 902);
        evidence.failed(order(1), SECOND * 903);
        assert!(!evidence.is_alone_past(order(1), SECOND * 1_801, grace));
        assert!(evidence.is_alone_past(order(1), SECOND * 1_803, grace));
        evidence.answered(order(1), SECOND * 1_803);
        assert!(!evidence.is_alone_past(order(1), SECOND * 1_803, grace));
    }

    #[test]
    fn faults_of_more_orders_than_are_remembered_are_assumed_a_minute_back() {
        let mut evidence = Evidence::default();
        assert_eq!(evidence.last_fault(order(1)), None);
        for number in 0..=MOST_FAULTS as u64 {
            evidence.failed(order(number), SECOND * 100);
        }
        assert_eq!(evidence.last_fault(order(1)), Some(SECOND * 100));
        let forgotten = order(MOST_FAULTS as u64);
        assert_eq!(evidence.last_fault(forgotten), Some(SECOND * 40));
        evidence.forget(order(1));
        evidence.failed(forgotten, SECOND * 101);
        assert_eq!(evidence.last_fault(forgotten), Some(SECOND * 101));
    }

    #[test]
    fn faults_of_orders_that_never_came_back_make_room_after_an_hour() {
        let mut evidence = Evidence::default();
        for number in 0..MOST_FAULTS as u64 {
            evidence.failed(order(number), SECOND * 100);
        }
        let new = order(MOST_FAULTS as u64);
        evidence.failed(new, SECOND * 3_699);
        assert_eq!(evidence.last_faults.get(&new), None);
        evidence.failed(new, SECOND * 3_800);
        assert_eq!(evidence.last_faults.get(&new), Some(&(SECOND * 3_800)));
        assert_eq!(evidence.last_faults.len(), 1);
    }
}
