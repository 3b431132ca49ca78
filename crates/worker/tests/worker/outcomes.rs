//! The state of an order after each kind of attempt.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::{Failure, Receipt, Status};
use worker::{NoWork, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, done, settings};

fn retry(scope: FaultScope, after: Option<Duration>) -> Step {
    Step::Answer(Outcome::Retry {
        failure: Failure::new("not_yet", "come again"),
        after,
        scope,
    })
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_done_is_processed_with_its_result_and_receipt_key() {
    let result: Option<Arc<str>> = Some(Arc::from(r#"{"payment":"p-1"}"#));
    let answer = result.clone();
    let handler = Scripted::new(move |_| {
        Step::Answer(Outcome::Done {
            result: answer.clone(),
        })
    });
    let mut house = House::with(handler);
    let id = house.place(1).await[0];
    house.until_count(Status::Processed, 1).await;
    let order = house.store.order(id);
    assert_eq!(order.result, result);
    assert_eq!(order.receipt_key, Some(Receipt::key_of(&order.user_id, id)));
    assert_eq!(
        house.store.history(id),
        [Status::Pending, Status::Processing, Status::Processed]
    );
    assert_eq!(house.stop().await.processed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_work_processes_everything_in_batches() {
    let mut house = House::with(Arc::new(NoWork));
    let ids = house.place(2000).await;
    house.until_count(Status::Processed, 2000).await;
    for id in ids {
        assert!(house.store.order(id).receipt_key.is_some());
    }
    let report = house.stop().await;
    assert_eq!((report.claimed, report.processed), (2000, 2000));
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_enough_and_an_order_does_not_wait_for_the_scan() {
    for handler in [
        Scripted::new(|_| done()) as Arc<dyn application::ports::OrderHandler>,
        Arc::new(NoWork),
    ] {
        let mut house = House::with(handler);
        tokio::time::sleep(Duration::from_millis(3_333)).await;
        let begun = tokio::time::Instant::now();
        house.place(1).await;
        house.until_count(Status::Processed, 1).await;
        assert!(
            begun.elapsed() < Duration::from_millis(50),
            "{:?}",
            begun.elapsed()
        );
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_order_is_a_dead_letter_at_once_with_the_reason() {
    let handler = Scripted::new(|_| {
        Step::Answer(Outcome::Rejected(Failure::new(
            "handler_rejected",
            "no stock",
        )))
    });
    let mut house = House::with(handler.clone());
    let id = house.place(1).await[0];
    house.until_count(Status::Failed, 1).await;
    let order = house.store.order(id);
    assert_eq!(
        order.failure,
        Some(Failure::new("handler_rejected", "no stock"))
    );
    assert_eq!(handler.attempts()[&id], [1]);
    assert_eq!(house.stop().await.failed, 1);
}

#[tokio::test(start_paused = true)]
async fn retries_are_spread_and_end_in_the_dead_letters() {
    let handler = Scripted::new(|_| retry(FaultScope::Order, None));
    let mut house = House::with(handler.clone());
    let ids = house.place(50).await;
    house.until_count(Status::Failed, 50).await;
    for id in &ids {
        assert_eq!(handler.attempts()[id], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(
            &*house.store.order(*id).failure.as_ref().unwrap().code,
            "not_yet"
        );
    }
    let times = handler.times();
    // Full jitter: the second attempts of 50 orders lie all over the first second.
    let mut first_second = times
        .iter()
        .filter(|at| at.duration_since(times[0]) < Duration::from_secs(1));
    let seconds: std::collections::HashSet<_> = first_second
        .by_ref()
        .map(|at| at.duration_since(times[0]).as_millis() / 100)
        .collect();
    assert!(seconds.len() >= 8, "{seconds:?}");
    let all = times.last().unwrap().duration_since(times[0]);
    // Seven bounds: 1 + 2 + ... + 64 s.
    assert!(
        all < Duration::from_secs(128) && all > Duration::from_secs(60),
        "{all:?}"
    );
    assert_eq!(house.stop().await.retried, 50 * 7);
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_an_endpoint_asks_for_is_honoured_and_bounded() {
    for (asked, least, most) in [(40, 40, 44), (1_000_000, 900, 990)] {
        let handler = Scripted::new(move |order| match order.attempt {
            1 => retry(FaultScope::Order, Some(Duration::from_secs(asked))),
            _ => done(),
        });
        let mut house = House::with(handler.clone());
        house.place(1).await;
        house.until_count(Status::Processed, 1).await;
        let times = handler.times();
        let waited = times[1].duration_since(times[0]).as_secs();
        assert!((least..=most).contains(&waited), "{waited} s");
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_handler_costs_its_own_order_an_attempt_and_no_other() {
    let handler = Scripted::new(|order| {
        if order.amount.minor() == 1 {
            Step::Panic
        } else {
            done()
        }
    });
    let mut house = House::with(handler.clone());
    let ids = house.place(100).await;
    house.until_count(Status::Processed, 99).await;
    house.until_count(Status::Failed, 1).await;
    let failure = house.store.order(ids[0]).failure.clone().unwrap();
    assert_eq!(&*failure.code, "handler_panicked");
    assert!(failure.message.contains("the test wants it so"));
    assert_eq!(handler.attempts()[&ids[0]].len(), 8);
    assert_eq!(house.stop().await.broken, None);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_left_and_the_attempt_is_tried_again() {
    let handler = Scripted::new(|order| {
        if order.attempt == 1 {
            Step::Hang
        } else {
            done()
        }
    });
    let mut house = House::with(handler);
    let id = house.place(1).await[0];
    house.until_count(Status::Retrying, 1).await;
    assert_eq!(
        &*house.store.order(id).failure.as_ref().unwrap().code,
        "timeout"
    );
    house.until_count(Status::Processed, 1).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn max_attempts_of_one_means_no_second_try() {
    let handler = Scripted::new(|_| retry(FaultScope::Order, None));
    let settings = WorkerSettings {
        max_attempts: 1,
        ..settings()
    };
    let plan = Plan {
        settings,
        ..Plan::default()
    };
    let mut house = House::open(plan, handler.clone());
    let id = house.place(1).await[0];
    house.until_count(Status::Failed, 1).await;
    assert_eq!(handler.attempts()[&id], [1]);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_beyond_its_bound_is_dropped_and_the_order_is_done() {
    let large: Arc<str> = Arc::from(format!("\"{}\"", "x".repeat(9000)));
    let handler = Scripted::new(move |_| {
        Step::Answer(Outcome::Done {
            result: Some(Arc::clone(&large)),
        })
    });
    let mut house = House::with(handler);
    let id = house.place(1).await[0];
    house.until_count(Status::Processed, 1).await;
    assert_eq!(house.store.order(id).result, None);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_store_refuses_becomes_a_dead_letter() {
    let handler = Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_secs(1), Outcome::Done { result: None })
    });
    let mut house = House::with(handler);
    let ids = house.place(3).await;
    house
        .store
        .faults
        .refuses_completion
        .lock()
        .unwrap()
        .insert(ids[1]);
    house.until_count(Status::Processed, 2).await;
    house.until_count(Status::Failed, 1).await;
    assert_eq!(
        &*house.store.order(ids[1]).failure.as_ref().unwrap().code,
        "outcome_refused"
    );
    house.stop().await;
}
