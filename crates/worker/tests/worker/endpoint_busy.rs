//! An endpoint that is busy: its answers use no attempt, and two customers that get them make the pool pause.

use std::sync::Mutex;
use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::{Decision, Failure, Status, Timestamp};
use tokio::time::{Instant, sleep};

use crate::house::{House, Scripted, Step, done};

const HOUR: Duration = Duration::from_secs(3_600);

fn busy(after: Option<Duration>) -> Step {
    Step::Answer(Outcome::Retry {
        failure: Failure::new("endpoint_busy", "429 Too Many Requests"),
        after,
        scope: FaultScope::Busy,
    })
}

fn placed(decision: Decision, _: Timestamp) -> Decision {
    decision
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_limited_to_ten_a_second_takes_20_000_orders_without_a_dead_letter() {
    const ORDERS: usize = 20_000;
    let second: Mutex<(u64, u32)> = Mutex::default();
    let begun = Instant::now();
    let handler = Scripted::new(move |_| {
        let now = begun.elapsed().as_secs();
        let mut second = second.lock().unwrap();
        if second.0 != now {
            *second = (now, 0);
        }
        second.1 += 1;
        if second.1 <= 10 {
            done()
        } else {
            busy(Some(Duration::from_secs(1)))
        }
    });
    let mut house = House::with(handler.clone());
    let users = (0..ORDERS).map(|number| format!("user-{}", number % 500));
    house.place_for(users, placed).await;
    house.until_count(Status::Processed, ORDERS).await;
    let seconds = begun.elapsed().as_secs();
    assert!(seconds < 2_400, "{seconds} s for 2,000 s of work");
    let report = house.stop().await;
    assert_eq!((report.failed, report.retried), (0, 0));
    let calls = handler.times().len();
    assert!(calls < ORDERS * 10, "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn one_customers_limit_does_not_delay_the_others() {
    let handler = Scripted::new(|order| match order.user_id.as_str() {
        "limited" => busy(Some(Duration::from_secs(600))),
        _ => done(),
    });
    let mut house = House::with(handler);
    house
        .place_for((0..50).map(|_| "limited".to_owned()), placed)
        .await;
    sleep(Duration::from_secs(5)).await;
    house.place(50).await;
    let begun = Instant::now();
    house.until_count(Status::Processed, 50).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    let orders = house.store.orders();
    assert!(orders.iter().all(|order| order.attempt <= 1));
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_gets_only_busy_answers_for_a_day_becomes_a_dead_letter() {
    let handler = Scripted::new(|_| busy(Some(HOUR)));
    let mut house = House::with(handler);
    let begun = Instant::now();
    let id = house.place(1).await[0];
    house
        .until(HOUR * 30, "a dead letter", |house| {
            house.store.count(Status::Failed) == 1
        })
        .await;
    let hours = begun.elapsed().as_secs() / 3_600;
    assert_eq!(hours, 24);
    let failure = house.store.order(id).failure.clone().unwrap();
    assert_eq!(&*failure.code, "endpoint_busy");
    assert_eq!(
        &*failure.message,
        "the endpoint gave only busy answers for 24 h; the last one: 429 Too Many Requests"
    );
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn any_other_outcome_starts_the_day_of_busy_answers_again() {
    let begun = Instant::now();
    let handler = Scripted::new(move |order| {
        let hours = begun.elapsed().as_secs() / 3_600;
        match hours {
            20 if order.attempt == 1 => Step::Answer(Outcome::Retry {
                failure: Failure::new("still_processing", "409 Conflict"),
                after: None,
                scope: FaultScope::Order,
            }),
            0..40 => busy(Some(HOUR)),
            _ => done(),
        }
    });
    let mut house = House::with(handler);
    house.place(1).await;
    house
        .until(HOUR * 50, "PROCESSED", |house| {
            house.store.count(Status::Processed) == 1
        })
        .await;
    house.stop().await;
}
