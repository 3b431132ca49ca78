//! While the endpoint is away no attempt is used up and nothing becomes a dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::{Failure, Status};
use tokio::time::Instant;
use worker::{BreakerState, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, done, settings};

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
                ..settings()
            };
            let mut house = House::open(with(settings), handler.clone());
            house.place(orders).await;
            let back = Instant::now() + Duration::from_secs(600);
            while Instant::now() < back {
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(house.store.count(Status::Failed), 0);
            }
            assert_ne!(house.status.endpoint().breaker, BreakerState::Closed);
            // Each order once, at most one a second, and then a probe at most each 30 s.
            let calls = handler.times().len();
            assert!(calls < 60 + orders, "{calls} calls for {orders} orders");
            for order in house.store.orders() {
                let used = order.attempt - u32::from(order.status == Status::Processing);
                assert_eq!(used, 0, "no attempt is used");
            }
            up.store(true, Ordering::SeqCst);
            let begun = Instant::now();
            house.until_count(Status::Processed, orders).await;
            assert!(
                begun.elapsed() < Duration::from_secs(35),
                "{:?}",
                begun.elapsed()
            );
            assert_eq!(house.status.endpoint().breaker, BreakerState::Closed);
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
    let orders = house.store.orders();
    assert!(orders.iter().all(|order| order.attempt == 0));
    assert_eq!(house.status.report().given_back, 64);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn probes_go_one_at_a_time_to_different_orders_and_ever_more_seldom() {
    let (_, handler) = endpoint(|| fault(FaultScope::Endpoint));
    let mut house = House::with(handler.clone());
    house.place(20).await;
    house
        .until(Duration::from_secs(5), "open", |house| {
            house.status.endpoint().breaker == BreakerState::Open
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
async fn an_order_that_is_alone_with_its_faults_becomes_a_dead_letter_after_the_grace() {
    let faulty: fn() -> Step = || fault(FaultScope::Endpoint);
    let hanging: fn() -> Step = || Step::Hang;
    for away in [faulty, hanging] {
        let (_, handler) = endpoint(away);
        let settings = WorkerSettings {
            attempt_timeout: Duration::from_secs(15),
            ..settings()
        };
        let mut house = House::open(with(settings), handler.clone());
        let begun = Instant::now();
        let id = house.place(1).await[0];
        house.until_count(Status::Failed, 1).await;
        let minutes = begun.elapsed().as_secs() / 60;
        assert!((15..45).contains(&minutes), "{minutes} minutes");
        let attempts = handler.attempts().remove(&id).unwrap();
        let used = attempts.iter().rev().take(8).rev();
        assert!(used.eq(&[1, 2, 3, 4, 5, 6, 7, 8]), "{attempts:?}");
        assert!(attempts.len() < 120, "{} calls", attempts.len());
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flapping_endpoint_loses_no_order_to_the_dead_letters() {
    let (up, handler) = endpoint(|| fault(FaultScope::Endpoint));
    let mut house = House::with(handler);
    let mut placed = 0;
    for second in 0..1_200 {
        up.store(second / 20 % 2 == 0, Ordering::SeqCst);
        house.place(2).await;
        placed += 2;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(house.store.count(Status::Failed), 0);
        if second % 40 == 19 {
            let waiting = placed - house.store.count(Status::Processed);
            assert!(
                waiting < 45,
                "{waiting} orders wait at the end of an up time"
            );
        }
    }
    up.store(true, Ordering::SeqCst);
    house.until_count(Status::Processed, placed).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_last_attempt_that_meets_the_outage_first_is_no_dead_letter() {
    let (up, handler) = endpoint(|| fault(FaultScope::Endpoint));
    let settings = WorkerSettings {
        max_attempts: 1,
        ..settings()
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
