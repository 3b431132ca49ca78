//! Stopping: softly nothing is left in the middle, hard it ends at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::Outcome;
use domain::Status;
use tokio::time::Instant;
use worker::NoWork;

use crate::house::{House, Scripted, Step, done};

#[tokio::test(start_paused = true)]
async fn a_soft_stop_lets_running_attempts_end_and_claims_nothing_more() {
    let handler = Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_secs(10), Outcome::Done { result: None })
    });
    let mut house = House::with(handler);
    house.place(100).await;
    house.until_count(Status::Processing, 64).await;
    let store = Arc::clone(&house.store);
    let report = house.stop().await;
    assert_eq!(
        (report.processed, report.given_back, report.abandoned),
        (64, 0, 0)
    );
    assert_eq!(store.count(Status::Processed), 64);
    assert_eq!(store.count(Status::Pending), 36);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_outlast_the_drain_are_given_back_without_paying() {
    let handler = Scripted::new(|_| Step::Hang);
    let mut house = House::with(handler);
    let ids = house.place(5).await;
    house.until_count(Status::Processing, 5).await;
    let store = Arc::clone(&house.store);
    let begun = Instant::now();
    let report = house.stop().await;
    assert!(
        (20..=22).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((report.given_back, report.abandoned), (5, 0));
    for id in ids {
        let order = store.order(id);
        assert_eq!((order.status, order.attempt), (Status::Retrying, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hard_stop_ends_at_once() {
    let handler = Scripted::new(|_| Step::Hang);
    let mut house = House::with(handler);
    house.place(5).await;
    house.until_count(Status::Processing, 5).await;
    let begun = Instant::now();
    house.soft.cancel();
    house.kill().await;
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_at_once() {
    for handler in [
        Scripted::new(|_| done()) as Arc<dyn application::ports::OrderHandler>,
        Arc::new(NoWork),
    ] {
        let house = House::with(handler);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let begun = Instant::now();
        house.stop().await;
        assert!(
            begun.elapsed() < Duration::from_millis(100),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_without_work_is_committed_before_the_stop() {
    let mut house = House::with(Arc::new(NoWork));
    house.place(3000).await;
    house
        .until(Duration::from_secs(5), "some are done", |house| {
            house.store.count(Status::Processed) > 0
        })
        .await;
    let store = Arc::clone(&house.store);
    let report = house.stop().await;
    assert_eq!(report.claimed, report.processed);
    assert_eq!(store.count(Status::Processing), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_store_does_not_keep_the_worker_from_stopping() {
    let mut house = House::with(Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_secs(1), Outcome::Done { result: None })
    }));
    house.place(5).await;
    // Yielding lets the worker go on and keeps the time, so that the outcomes are not yet written.
    while house.status.report().claimed < 5 {
        tokio::task::yield_now().await;
    }
    house.store.faults.down.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let report = house.stop().await;
    assert_eq!(report.abandoned, 5);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}
