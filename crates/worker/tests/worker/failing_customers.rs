//! Nobody's failures stop anybody else: bad orders of one customer, or of many, ahead of good ones and among them.

use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::{Decision, Failure, OrderCommand, Status, Timestamp};
use tokio::time::{Instant, sleep};
use worker::WorkerSettings;

use crate::house::{House, Plan, Scripted, Step, done, settings};

const TIMEOUT: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

/// How the endpoint fails a bad order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    /// 404
    NotFound,
    /// 503 without Retry-After
    Unavailable,
    /// The connection breaks.
    Drop,
    /// No answer.
    Hang,
}

impl Bad {
    const ALL: [Self; 4] = [Self::NotFound, Self::Unavailable, Self::Drop, Self::Hang];

    fn step(self) -> Step {
        let fault = |code, scope| {
            Step::Answer(Outcome::Retry {
                failure: Failure::new(code, "the test wants it so"),
                after: None,
                scope,
            })
        };
        match self {
            Self::NotFound => fault("endpoint_misconfigured", FaultScope::Unclear),
            Self::Unavailable => fault("endpoint_unavailable", FaultScope::Endpoint),
            Self::Drop => fault("connection_broken", FaultScope::Endpoint),
            Self::Hang => Step::Hang,
        }
    }
}

/// A house whose endpoint fails the orders of users whose names begin with "bad".
fn house(bad: Bad) -> House {
    let handler = Scripted::new(move |order| {
        if order.user_id.as_str().starts_with("bad") {
            bad.step()
        } else {
            done()
        }
    });
    let settings = WorkerSettings {
        attempt_timeout: TIMEOUT,
        ..settings()
    };
    House::open(
        Plan {
            settings,
            ..Plan::default()
        },
        handler,
    )
}

fn named(name: &str, count: usize, users: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{name}-{}", number % users))
}

fn placed(decision: Decision, _: Timestamp) -> Decision {
    decision
}

/// The order after a first attempt that failed, due now.
fn retrying(decision: Decision, now: Timestamp) -> Decision {
    let claimed = decision.order.claim(now).unwrap().order;
    let failure = Failure::new("timeout", "the test wants it so");
    claimed.retry(failure, Duration::ZERO, now).unwrap()
}

/// The order after it became a dead letter and was replayed.
fn replayed(decision: Decision, now: Timestamp) -> Decision {
    let claimed = decision.order.claim(now).unwrap().order;
    let failure = Failure::new("handler_rejected", "the test wants it so");
    let dead = claimed.fail(failure, now).unwrap().order;
    dead.apply(OrderCommand::Replay, now, domain::Cause::default())
        .unwrap()
}

/// Places one good order a second until `is_over`, and asserts that each is processed within `bound`.
async fn serve_good_orders(
    house: &mut House,
    bound: Duration,
    is_over: impl Fn(&House, u32) -> bool,
) {
    for second in 0.. {
        if is_over(house, second) {
            return;
        }
        let begun = Instant::now();
        let user = format!("good-{}", second % 50);
        let id = house.place_for([user], placed).await[0];
        house
            .until(bound, "a good order is processed", |house| {
                house.store.order(id).status == Status::Processed
            })
            .await;
        sleep(SECOND.saturating_sub(begun.elapsed())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bad_orders_ahead_of_good_ones_delay_them_by_one_time_out_at_most() {
    for bad in Bad::ALL {
        for users in [1, 50] {
            let mut house = house(bad);
            house.place_for(named("bad", 50, users), placed).await;
            let begun = Instant::now();
            house.place_for(named("good", 240, 20), placed).await;
            house
                .until(TIMEOUT + SECOND, "all good orders are processed", |house| {
                    house.store.count(Status::Processed) == 240
                })
                .await;
            if bad != Bad::Hang {
                let waited = begun.elapsed();
                assert!(waited < SECOND * 3, "{bad:?} of {users}: {waited:?}");
            }
            house.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bad_orders_use_their_attempts_and_become_dead_letters_while_others_are_answered() {
    for bad in Bad::ALL {
        for users in [1, 50] {
            let mut house = house(bad);
            house.place_for(named("bad", 50, users), placed).await;
            serve_good_orders(&mut house, TIMEOUT + SECOND, |house, second| {
                assert!(second < 3_600, "{bad:?} of {users}: {:?}", house.status);
                house.store.count(Status::Failed) == 50
            })
            .await;
            let orders = house.store.orders();
            let dead = orders.iter().filter(|order| order.status == Status::Failed);
            assert!(dead.clone().all(|order| order.attempt == 8));
            assert_eq!(dead.count(), 50);
            house.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_third_of_steady_traffic_bad_the_good_orders_are_processed_in_time() {
    for bad in Bad::ALL {
        // Hanging orders fill calls: a third of more traffic than this could not be served by 64 of them. Their retries take
        // what the others leave, so that a good order may wait for one to end.
        let (a_second, late): (u32, usize) = match bad {
            Bad::Hang => (1, 2 * 15),
            Bad::NotFound | Bad::Unavailable | Bad::Drop => (10, 2 * 10),
        };
        let mut house = house(bad);
        let mut good = 0;
        for second in 0..60 {
            for number in 0..a_second {
                let users = ["bad", "good", "good"].map(|name| format!("{name}-{second}-{number}"));
                house.place_for(users, placed).await;
                good += 2;
                sleep(SECOND / a_second).await;
            }
            let processed = house.store.count(Status::Processed);
            assert!(
                processed + late >= good,
                "{bad:?}: {processed} of {good} after {second} s"
            );
        }
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_retries_delay_a_never_tried_order_by_one_time_out_at_most() {
    for users in [1, 20_000] {
        for bad in [Bad::Hang, Bad::Unavailable] {
            let mut house = house(bad);
            house.place_for(named("bad", 20_000, users), retrying).await;
            sleep(SECOND).await;
            serve_good_orders(&mut house, TIMEOUT + SECOND, |_, second| second == 5).await;
            house.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_many_dead_letters_that_fail_again_delays_no_other_order() {
    for bad in [Bad::NotFound, Bad::Unavailable] {
        let mut house = house(bad);
        house.place_for(named("bad", 20_000, 300), replayed).await;
        serve_good_orders(&mut house, SECOND * 3, |_, second| second == 8).await;
        let orders = house.store.orders();
        let tried = orders.iter().filter(|order| order.version.get() > 4);
        let tried = tried.count();
        assert!(tried > 500, "the replays go on: {tried}");
        house.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_by_an_hour_changes_nothing_for_retries() {
    for step in [-3_600, 3_600] {
        let mut house = house(Bad::Unavailable);
        house.place_for(named("bad", 20, 20), placed).await;
        for second in 0..600_u32 {
            if second % 60 == 30 {
                house.clock.step(step);
            }
            let user = format!("good-{second}");
            house.place_for([user], placed).await;
            sleep(SECOND).await;
        }
        house.until_count(Status::Processed, 600).await;
        house.until_count(Status::Failed, 20).await;
        house.stop().await;
    }
}
