//! Claims: kept alive while an attempt runs, taken back when their worker is gone, never written over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::{ClaimLimits, Outcome, WorkQueue as _};
use domain::{ShardId, Status};

use worker::WorkerSettings;

use crate::house::{House, Plan, Scripted, Step, done, settings};

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
async fn a_claim_that_another_took_over_changes_nothing_when_its_outcome_comes() {
    let handler = Scripted::new(|_| slow());
    // With its only attempt running, this worker cannot take the order back itself.
    let settings = WorkerSettings {
        max_in_flight: 1,
        ..settings()
    };
    let plan = Plan {
        settings,
        ..Plan::default()
    };
    let mut house = House::open(plan, handler.clone());
    house.store.faults.deaf.store(true, Ordering::SeqCst);
    let id = house.place(1).await[0];
    house.until_count(Status::Retrying, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let other = house
        .store
        .claim(ShardId(0), ClaimLimits::any(1), HOUR)
        .await
        .unwrap();
    let version = other[0].version;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handler.attempts()[&id], [1]);
    let order = house.store.order(id);
    assert_eq!((order.status, order.version), (Status::Processing, version));
    let report = house.stop().await;
    assert_eq!((report.processed, report.lost, report.rescued), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_gets_its_own_lost_order_back_drops_the_older_attempt() {
    let handler = Scripted::new(|order| {
        if order.attempt == 1 {
            Step::Hang
        } else {
            slow()
        }
    });
    let mut house = House::with(handler.clone());
    house.store.faults.deaf.store(true, Ordering::SeqCst);
    let id = house.place(1).await[0];
    house
        .until(HOUR, "rescued", |house| house.status.report().rescued == 1)
        .await;
    house.store.faults.deaf.store(false, Ordering::SeqCst);
    house.until_count(Status::Processing, 1).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(house.status.in_flight(), 1, "the newer attempt alone");
    house.until_count(Status::Processed, 1).await;
    assert_eq!(handler.attempts()[&id], [1, 2]);
    assert_eq!(house.stop().await.lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_learns_of_the_loss_drops_the_attempt() {
    let handler = Scripted::new(|_| Step::Hang);
    let settings = WorkerSettings {
        max_in_flight: 1,
        attempt_timeout: HOUR,
        ..settings()
    };
    let plan = Plan {
        settings,
        ..Plan::default()
    };
    let mut house = House::open(plan, handler);
    house.store.faults.deaf.store(true, Ordering::SeqCst);
    house.place(1).await;
    house.until_count(Status::Retrying, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let other = house
        .store
        .claim(ShardId(0), ClaimLimits::any(1), HOUR)
        .await
        .unwrap();
    assert_eq!(other.len(), 1);
    house.store.faults.deaf.store(false, Ordering::SeqCst);
    house
        .until(Duration::from_secs(21), "dropped", |house| {
            house.status.in_flight() == 0
        })
        .await;
    assert_eq!(house.stop().await.lost, 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_lost_its_lease_twice_runs_with_no_other_beside_it() {
    const ATTEMPT: Duration = Duration::from_millis(50);
    for shards in [1, 3] {
        let handler = Scripted::new(|_| Step::AnswerAfter(ATTEMPT, Outcome::Done { result: None }));
        let settings = WorkerSettings {
            max_in_flight: 8,
            ..settings()
        };
        let plan = Plan {
            shards,
            settings,
            ..Plan::default()
        };
        let mut house = House::open(plan, handler.clone());
        // Work for some 10 s, so that the suspects come while there is other work.
        house.place(1600).await;
        let mut suspects = Vec::new();
        for _ in 0..3 {
            suspects.push(house.place_suspect(Duration::from_secs(1)).await);
        }
        house.until_count(Status::Processed, 1603).await;
        let beginnings = handler.beginnings();
        let end = beginnings.iter().map(|(_, at)| *at).max().unwrap();
        for (id, began) in &beginnings {
            if !suspects.contains(id) {
                continue;
            }
            let beside = beginnings.iter().filter(|(other, at)| {
                let distance = at.max(began).duration_since(*at.min(began));
                other != id && distance < ATTEMPT
            });
            assert_eq!(beside.count(), 0, "{shards} shards");
            let early = end.duration_since(*began);
            assert!(
                early > Duration::from_secs(3),
                "other work does not keep it waiting: {early:?} before the last"
            );
        }
        assert_eq!(house.store.calls.claims.take().iter().sum::<usize>(), 1600);
        let attempts = handler.attempts();
        assert!(suspects.iter().all(|id| attempts[id] == [3]));
        assert_eq!(handler.most_running.load(Ordering::SeqCst), 8);
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn between_two_orders_that_run_alone_the_others_have_their_turn() {
    let handler = Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_millis(1500), Outcome::Done { result: None })
    });
    let mut house = House::with(handler.clone());
    let mut suspects = Vec::new();
    for _ in 0..10 {
        suspects.push(house.place_suspect(Duration::from_secs(1)).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let others = house.place(64).await;
    house.until_count(Status::Processed, 74).await;
    let order: Vec<bool> = handler
        .beginnings()
        .iter()
        .map(|(id, _)| suspects.contains(id))
        .collect();
    let before = order.iter().position(|is_suspect| !is_suspect).unwrap();
    assert!(
        before < 4,
        "{} others waited for {before} suspects",
        others.len()
    );
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_runs_alone_waits_for_no_place_of_a_worker_that_stops() {
    let handler = Scripted::new(|_| Step::Hang);
    let mut house = House::with(handler.clone());
    house.place(1).await;
    house.until_count(Status::Processing, 1).await;
    house.place_suspect(Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(handler.beginnings().len(), 1, "it waits for the other");
    assert_eq!(house.status.in_flight(), 1, "what waits does not run");
    let report = house.stop().await;
    assert_eq!((report.given_back, report.abandoned), (1, 0));
}
