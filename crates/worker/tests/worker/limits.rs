//! What protects the endpoint: how many attempts run at once, how many begin in a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::Outcome;
use domain::Status;
use worker::{NoWork, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, settings};

fn with(shards: u16, settings: WorkerSettings) -> Plan {
    Plan {
        shards,
        settings,
        ..Plan::default()
    }
}

#[tokio::test(start_paused = true)]
async fn never_more_attempts_run_than_max_in_flight_over_all_shards() {
    for (shards, max_in_flight) in [(1, 1), (1, 7), (4, 2), (4, 16)] {
        let handler = Scripted::new(|_| {
            Step::AnswerAfter(Duration::from_millis(20), Outcome::Done { result: None })
        });
        let settings = WorkerSettings {
            max_in_flight,
            ..settings()
        };
        let mut house = House::open(with(shards, settings), handler.clone());
        house.place(200).await;
        house.until_count(Status::Processed, 200).await;
        let most = handler.most_running.load(Ordering::SeqCst);
        assert_eq!(most, max_in_flight as u64, "{shards} shards");
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_claimed_before_there_is_room_for_its_attempt() {
    let handler = Scripted::new(|_| Step::Hang);
    let settings = WorkerSettings {
        max_in_flight: 3,
        ..settings()
    };
    let mut house = House::open(with(1, settings), handler);
    house.place(10).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(house.store.count(Status::Processing), 3);
    assert_eq!(house.store.count(Status::Pending), 7);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_many_more_attempts_than_max_per_second() {
    let settings = WorkerSettings {
        max_per_second: Some(20),
        ..settings()
    };
    let handler = Scripted::new(|_| crate::house::done());
    let mut house = House::open(with(2, settings.clone()), handler.clone());
    house.place(200).await;
    house.until_count(Status::Processed, 200).await;
    let times = handler.times();
    let all = times.last().unwrap().duration_since(times[0]);
    assert!((9..=11).contains(&all.as_secs()), "{all:?}");
    for window in times.windows(24) {
        let span = window[23].duration_since(window[0]);
        assert!(span > Duration::from_secs(1), "24 attempts within {span:?}");
    }
    house.stop().await;

    let mut house = House::open(with(1, settings), Arc::new(NoWork));
    let begun = tokio::time::Instant::now();
    house.place(200).await;
    house.until_count(Status::Processed, 200).await;
    assert!(
        (9..=11).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    house.stop().await;
}
