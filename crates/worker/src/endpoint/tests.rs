//! Admission and the meaning of faults, with a clock turned by hand.

use std::sync::Arc;
use std::time::Duration;

use application::system::ManualClock;
use domain::{
    Cause, Currency, Failure, Money, Order, OrderId, PlaceOrder, ReceiptLocation, ReceiptTemplate,
    Source, Timestamp, UserId,
};

use super::{Admission, BreakerState, Endpoint};
use crate::settings::BreakerSettings;

const SECOND: Duration = Duration::from_secs(1);

struct Watched {
    clock: Arc<ManualClock>,
    endpoint: Arc<Endpoint>,
}

impl Watched {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0).unwrap()));
        let settings = BreakerSettings {
            faults_in_a_row: 5,
            fault_percent: 50,
            first_probe: SECOND * 4,
            longest_probe: SECOND * 30,
            grace: SECOND * 900,
        };
        let endpoint = Endpoint::new(settings, clock.clone());
        clock.advance(SECOND * 1_000);
        Self {
            clock,
            endpoint: Arc::new(endpoint),
        }
    }

    fn now(&self) -> Duration {
        use application::ports::Clock as _;
        self.clock.monotonic()
    }

    /// A fault of a call that took no time; whether it counts.
    fn fails(&self, order: &Order) -> bool {
        self.fails_as(order, self.now(), false)
    }

    fn fails_as(&self, order: &Order, began: Duration, may_be_the_orders: bool) -> bool {
        let failure = Failure::new("timeout", "the test wants it so");
        let report = self
            .endpoint
            .failed(order, &failure, began, may_be_the_orders);
        report.counts
    }

    fn opens(&self) {
        for number in 0..5 {
            self.fails(&order(100 + number));
        }
        assert_eq!(self.endpoint.snapshot().breaker, BreakerState::Open);
    }

    /// What is admitted: `Some(None)` for any number, `Some(Some(is_retry))` for a probe, which is sent.
    fn admitted(&self) -> Option<Option<bool>> {
        match self.endpoint.admit() {
            Admission::All => Some(None),
            Admission::Probe {
                permit,
                retry_is_due,
            } => {
                permit.sent(retry_is_due);
                Some(Some(retry_is_due))
            }
            Admission::Wait(_) => None,
        }
    }
}

fn order(number: u64) -> Arc<Order> {
    let user_id = UserId::new(&format!("user-{number}")).unwrap();
    let now = Timestamp::from_millis(0).unwrap();
    let id = OrderId::new(now, &user_id, number << 2);
    let command = PlaceOrder {
        user_id,
        external_id: None,
        source: Source::Api,
        amount: Money::new(1, Currency::USD).unwrap(),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    };
    Order::place(
        command,
        id,
        now,
        Cause::default(),
        ReceiptLocation::Rendered,
    )
    .order
}

#[test]
fn an_attempt_counts_only_if_another_order_was_answered_since_the_last_fault() {
    let watched = Watched::new();
    let (bad, good) = (order(1), order(2));
    assert!(!watched.fails(&bad), "nothing is known of the endpoint");
    watched.clock.advance(SECOND);
    watched.endpoint.answered(&good);
    assert!(watched.fails(&bad), "it answered another order meanwhile");
    watched.clock.advance(SECOND);
    assert!(!watched.fails(&bad), "nothing was answered since");
    watched.endpoint.answered(&bad);
    watched.clock.advance(SECOND);
    assert!(
        !watched.fails(&bad),
        "its own answer says nothing of others"
    );
}

#[test]
fn an_answer_during_a_first_call_counts_against_it() {
    let watched = Watched::new();
    let began = watched.now();
    watched.clock.advance(SECOND);
    watched.endpoint.answered(&order(2));
    watched.clock.advance(SECOND);
    assert!(watched.fails_as(&order(1), began, false));
}

#[test]
fn a_misconfiguration_is_the_orders_fault_for_a_minute_after_another_success() {
    let watched = Watched::new();
    watched.endpoint.answered(&order(2));
    watched.clock.advance(SECOND * 59);
    for _ in 0..20 {
        assert!(watched.fails_as(&order(1), watched.now(), true));
    }
    assert_eq!(watched.endpoint.snapshot().consecutive_faults, 0);
    watched.clock.advance(SECOND);
    for number in 10..15 {
        assert!(!watched.fails_as(&order(number), watched.now(), true));
    }
    assert_eq!(watched.endpoint.snapshot().breaker, BreakerState::Open);
}

#[test]
fn an_order_that_fails_alone_uses_attempts_after_the_grace() {
    let watched = Watched::new();
    let lone = order(1);
    for _ in 0..90 {
        assert!(!watched.fails(&lone));
        watched.clock.advance(SECOND * 10);
    }
    assert!(watched.fails(&lone));
}

#[test]
fn while_it_is_open_one_probe_a_second_goes_and_retries_wait_for_their_time() {
    let watched = Watched::new();
    assert_eq!(watched.admitted(), Some(None));
    watched.opens();
    assert_eq!(watched.admitted(), Some(Some(false)), "a never-tried order");
    assert_eq!(watched.admitted(), None);
    let mut sent = Vec::new();
    for _ in 0..12 {
        watched.clock.advance(SECOND);
        sent.push(watched.admitted());
        assert_eq!(watched.admitted(), None, "one a second");
    }
    let retries: Vec<usize> = (1..)
        .zip(&sent)
        .filter(|(_, sent)| **sent == Some(Some(true)))
        .map(|(second, _)| second)
        .collect();
    assert_eq!(retries, [4, 12], "after 4 s, and 8 s later");
    assert!(sent.iter().all(Option::is_some));
    watched.endpoint.answered(&order(1));
    assert_eq!(watched.admitted(), Some(None));
}

#[test]
fn a_probe_that_finds_no_order_lets_another_one_be_sent() {
    let watched = Watched::new();
    watched.opens();
    watched.clock.advance(SECOND);
    let Admission::Probe { permit, .. } = watched.endpoint.admit() else {
        panic!("a probe is due");
    };
    assert!(matches!(watched.endpoint.admit(), Admission::Wait(_)));
    drop(permit);
    assert!(watched.admitted().is_some());
}

#[test]
fn a_busy_endpoint_gets_never_tried_orders_as_probes_and_an_answer_ends_the_pause() {
    let watched = Watched::new();
    watched.endpoint.busy(&order(1), SECOND * 60);
    assert_eq!(watched.admitted(), Some(None), "one customer's limit");
    watched.endpoint.busy(&order(2), SECOND * 30);
    assert!(!watched.endpoint.is_open_for_all());
    assert_eq!(watched.admitted(), Some(Some(false)));
    assert_eq!(watched.admitted(), None);
    let pause = watched.endpoint.snapshot().busy_pause;
    assert_eq!(pause, Some(SECOND * 30));
    watched.clock.advance(SECOND * 29);
    assert_eq!(watched.admitted(), Some(Some(false)));
    watched.endpoint.answered(&order(3));
    assert_eq!(watched.admitted(), Some(None));
}
