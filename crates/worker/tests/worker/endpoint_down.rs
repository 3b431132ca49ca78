//! While the endpoint is away no attempt is used up and nothing becomes a dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::{Failure, Status};
use tokio::time::Instant;
use worker::{BreakerState, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, done};

fn fault(scope: FaultScope) -> Step {
    Step::Answer(Outcome::Retry {
        failure: Failure::new("endpoint_unreachable", "connection refused"),
        after: None,
        scope,
    })
}

fn with(settings: WorkerSettings) -> Plan {
    Plan {
        settings,
        ..Plan::default()
    }
}

/// An endpoint that can be switched off, and how it is away.
fn endpoint(away: fn() -> Step) -> (Arc<AtomicBool>, Arc<Scripted>) {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let handler = Scripted::new(move |_| {
        if is_up.load(Ordering::SeqCst) {
            done()
        } else {
            away()
        }
    });
    (up, handler)
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_the_endpoint_make_no_dead_letter() {
    for orders in [1, 3, 200] {
        for max_attempts in [1, 2, 8] {
            let (up, handler) = endpoint(|| fault(FaultScope::Endpoint));
            let settings = WorkerSettings {
                max_attempts,
                ..WorkerSettings::default()
            };
            let mut house = House::open(with(settings), handler.clone());
            house.place(orders).await;
            let back = Instant::now() + Duration::from_secs(600);
            while Instant::now() < back {
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(house.store.count(Status::Failed), 0);
            }
            assert_ne!(house.status.breaker().state, BreakerState::Closed);
            // In ten minutes: what was in flight when it opened, and a probe at most each 30 s once it is patient.
            let calls = handler.times().len();
            assert!(calls < 120, "{calls} calls for {orders} orders");
            for order in house.store.orders() {
                assert!(
                    order.attempt <= 4.min(max_attempts),
                    "attempt {}",
                    order.attempt
                );
            }
            up.store(true, Ordering::SeqCst);
            let begun = Instant::now();
            house.until_count(Status::Processed, orders).await;
            assert!(
                begun.elapsed() < Duration::from_secs(35),
                "{:?}",
                begun.elapsed()
            );
            assert_eq!(house.status.breaker().state, BreakerState::Closed);
            let report = house.stop().await;
            assert_eq!(report.failed, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_endpoint_and_one_that_fails_every_order_count_alike() {
    let hang: fn() -> Step = || Step::Hang;
    let five_hundred: fn() -> Step = || fault(FaultScope::Unclear);
    for away in [hang, five_hundred] {
        let (up, handler) = endpoint(away);
        let mut house = House::with(handler);
        house.place(200).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(house.store.count(Status::Failed), 0);
        up.store(true, Ordering::SeqCst);
        house.until_count(Status::Processed, 200).await;
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn orders_in_flight_when_it_opens_keep_their_attempts() {
    let (_, handler) = endpoint(|| {
        Step::AnswerAfter(
            Duration::from_millis(300),
            Outcome::Retry {
                failure: Failure::new("timeout", "no answer"),
                after: None,
                scope: FaultScope::Endpoint,
            },
        )
    });
    let mut house = House::with(handler.clone());
    house.place(64).await;
    house.until_count(Status::Retrying, 64).await;
    assert_eq!(handler.times().len(), 64, "all were in flight together");
    let paid = house
        .store
        .orders()
        .iter()
        .filter(|order| order.attempt > 0)
        .count();
    assert_eq!(paid, 4, "those before the one that opened it");
    assert_eq!(house.status.report().given_back, 60);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn probes_go_one_at_a_time_to_different_orders_and_ever_more_seldom() {
    let (_, handler) = endpoint(|| fault(FaultScope::Endpoint));
    let mut house = House::with(handler.clone());
    house.place(20).await;
    house
        .until(Duration::from_secs(5), "open", |house| {
            house.status.breaker().state == BreakerState::Open
        })
        .await;
    let before = handler.times().len();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let probes = &handler.times()[before..];
    let waits: Vec<u64> = probes
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs())
        .collect();
    assert_eq!(waits[..4], [2, 4, 8, 16], "{waits:?}");
    assert!(
        waits[4..].iter().all(|wait| (30..=31).contains(wait)),
        "{waits:?}"
    );
    let most_tried = handler.attempts().values().map(Vec::len).max().unwrap();
    assert!(most_tried <= 4, "no order is every probe: {most_tried}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_order_that_breaks_the_endpoint_ends_in_the_dead_letters_while_others_go_on() {
    for scope in [FaultScope::Unclear, FaultScope::Endpoint] {
        let handler = Scripted::new(move |order| {
            if order.amount.minor() == 1 {
                fault(scope)
            } else {
                done()
            }
        });
        let mut house = House::with(handler);
        let poison = house.place(1).await[0];
        let mut others = 0;
        while house.store.count(Status::Failed) == 0 {
            assert!(
                others < 5_000,
                "never a dead letter: {:?}",
                house.store.order(poison)
            );
            house.place(5).await;
            others += 5;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        house.until_count(Status::Processed, others).await;
        assert_eq!(house.store.order(poison).status, Status::Failed);
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn alone_an_order_that_always_gets_a_500_ends_in_the_dead_letters_too() {
    let handler = Scripted::new(|_| fault(FaultScope::Unclear));
    let mut house = House::with(handler.clone());
    let id = house.place(1).await[0];
    house.until_count(Status::Failed, 1).await;
    assert_eq!(handler.attempts()[&id].len(), 8);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_last_attempt_that_meets_the_outage_first_is_no_dead_letter() {
    let (up, handler) = endpoint(|| fault(FaultScope::Endpoint));
    let settings = WorkerSettings {
        max_attempts: 1,
        ..WorkerSettings::default()
    };
    let mut house = House::open(with(settings), handler);
    up.store(true, Ordering::SeqCst);
    house.place(10).await;
    house.until_count(Status::Processed, 10).await;
    up.store(false, Ordering::SeqCst);
    house.place(1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(house.store.count(Status::Failed), 0);
    up.store(true, Ordering::SeqCst);
    house.until_count(Status::Processed, 11).await;
    house.stop().await;
}
