//! A store that fails: outcomes wait for it, are written once, and one shard's trouble stays its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::{OrderHandler, Outcome};
use domain::{OrderId, ShardId, Status};
use worker::NoWork;

use crate::house::{House, Plan, Scripted, Step, done};

fn slow() -> Arc<dyn OrderHandler> {
    Scripted::new(|_| Step::AnswerAfter(Duration::from_secs(1), Outcome::Done { result: None }))
}

#[tokio::test(start_paused = true)]
async fn outcomes_wait_for_a_store_that_is_away_and_are_written_when_it_is_back() {
    let handler = Scripted::new(|_| {
        Step::AnswerAfter(Duration::from_secs(1), Outcome::Done { result: None })
    });
    let mut house = House::with(handler.clone());
    house.place(50).await;
    house.until_count(Status::Processing, 50).await;
    house.store.faults.down.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(house.store.count(Status::Processing), 50);
    house.store.faults.down.store(false, Ordering::SeqCst);
    house.until_count(Status::Processed, 50).await;
    assert_eq!(handler.times().len(), 50, "the work was not done again");
    house.stop().await;
}

/// Places 50 orders and sets the fault once they can be met by it: outcomes of slow work are on their way by then,
/// and work that takes no time must not be done before.
async fn meet(house: &mut House, is_slow: bool, fault: impl FnOnce(&House)) -> Vec<OrderId> {
    // All of them in one commit: the worker first runs when this task waits again.
    let ids = house.place(50).await;
    if is_slow {
        house
            .until(Duration::from_secs(5), "claimed", |house| {
                house.status.report().claimed > 0
            })
            .await;
    }
    fault(house);
    ids
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_was_not_confirmed_is_written_once() {
    for (handler, is_slow) in [(slow(), true), (Arc::new(NoWork) as _, false)] {
        let mut house = House::with(handler);
        let ids = meet(&mut house, is_slow, |house| {
            house.store.faults.unconfirmed.store(3, Ordering::SeqCst);
        })
        .await;
        house.until_count(Status::Processed, 50).await;
        for id in ids {
            assert_eq!(
                house.store.history(id),
                [Status::Pending, Status::Processing, Status::Processed]
            );
        }
        let report = house.stop().await;
        assert_eq!((report.lost, report.abandoned), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_store_is_asked_again() {
    for (handler, is_slow) in [(slow(), true), (Arc::new(NoWork) as _, false)] {
        let mut house = House::with(handler);
        meet(&mut house, is_slow, |house| {
            house.store.faults.overloaded.store(5, Ordering::SeqCst);
        })
        .await;
        house.until_count(Status::Processed, 50).await;
        assert_eq!(house.stop().await.processed, 50);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_shard_leaves_the_others_working() {
    for handler in [
        Scripted::new(|_| done()) as Arc<dyn OrderHandler>,
        Arc::new(NoWork),
    ] {
        let plan = Plan {
            shards: 3,
            ..Plan::default()
        };
        let mut house = House::open(plan, handler);
        house.place(300).await;
        house.until_count(Status::Processed, 300).await;
        let dead = ShardId(1);
        let orders = house.place(300).await;
        *house.store.faults.down_shard.lock().unwrap() = Some(dead);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let waiting = house.store.count(Status::Pending) + house.store.count(Status::Processing);
        let all = orders.len() + 300;
        assert_eq!(house.store.count(Status::Processed) + waiting, all);
        assert!(waiting < 200, "{waiting} of the dead shard wait");
        let more = house.place_elsewhere(dead, 90).await;
        house
            .until(Duration::from_secs(5), "others go on", |house| {
                more.iter()
                    .all(|id| house.store.order(*id).status == Status::Processed)
            })
            .await;
        *house.store.faults.down_shard.lock().unwrap() = None;
        house.until_count(Status::Processed, all + more.len()).await;
        house.stop().await;
    }
}
