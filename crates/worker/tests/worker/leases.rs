//! Claims: kept alive while an attempt runs, taken back when their worker is gone, never written over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::{OrderStore as _, Outcome};
use domain::{ShardId, Status};

use crate::house::{House, Scripted, Step, done};

const HOUR: Duration = Duration::from_secs(3600);

fn slow() -> Step {
    Step::AnswerAfter(Duration::from_secs(50), Outcome::Done { result: None })
}

#[tokio::test(start_paused = true)]
async fn an_attempt_longer_than_its_lease_keeps_it_by_heartbeats() {
    let handler = Scripted::new(|_| slow());
    let mut house = House::with(handler.clone());
    let id = house.place(1).await[0];
    house.until_count(Status::Processed, 1).await;
    assert_eq!(handler.attempts()[&id], [1]);
    let report = house.stop().await;
    assert_eq!((report.rescued, report.lost), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_loses_its_claims_to_another_and_the_attempt_counts() {
    let handler = Scripted::new(|order| {
        if order.attempt == 1 {
            Step::Hang
        } else {
            done()
        }
    });
    let mut house = House::with(handler);
    let ids = house.place(10).await;
    house.until_count(Status::Processing, 10).await;
    let store = std::sync::Arc::clone(&house.store);
    house.kill().await;
    assert_eq!(
        store.count(Status::Processing),
        10,
        "a hard stop gives nothing back"
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    let policy = application::ports::RescuePolicy {
        max_attempts: 8,
        delay: Duration::from_secs(1),
    };
    let rescued = store.rescue(ShardId(0), policy, 100).await.unwrap();
    assert_eq!(rescued.len(), ids.len());
    assert!(
        rescued
            .iter()
            .all(|order| order.attempt == 1 && order.status == Status::Retrying)
    );
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_another_took_over_is_dropped_and_its_outcome_changes_nothing() {
    let handler = Scripted::new(|order| if order.attempt == 1 { slow() } else { done() });
    let mut house = House::with(handler.clone());
    house.store.faults.deaf.store(true, Ordering::SeqCst);
    let id = house.place(1).await[0];
    // Unheard heartbeats: the lease runs out, this worker's own rescuer takes the order back and works it again.
    house.until_count(Status::Processed, 1).await;
    let version = house.store.order(id).version;
    tokio::time::sleep(HOUR).await;
    assert_eq!(handler.attempts()[&id], [1, 2]);
    assert_eq!(
        house.store.order(id).version,
        version,
        "the late outcome was not written"
    );
    let report = house.stop().await;
    assert_eq!((report.processed, report.lost, report.rescued), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_learns_of_the_loss_drops_the_attempt() {
    let handler = Scripted::new(|order| {
        if order.attempt == 1 {
            Step::Hang
        } else {
            done()
        }
    });
    let mut house = House::with(handler.clone());
    house.store.faults.deaf.store(true, Ordering::SeqCst);
    house.place(1).await;
    house
        .until(HOUR, "rescued", |house| house.status.report().rescued == 1)
        .await;
    house.store.faults.deaf.store(false, Ordering::SeqCst);
    house.until_count(Status::Processed, 1).await;
    house
        .until(Duration::from_secs(59), "dropped", |house| {
            house.status.in_flight() == 0
        })
        .await;
    assert_eq!(house.stop().await.lost, 1);
}
