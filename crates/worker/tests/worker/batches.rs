//! Many orders take few calls of the store: each call is about a batch of them, whether the handler takes time or not.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{OrderHandler, Outcome};
use domain::{Order, Status};
use worker::{NoWork, Tuning, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, settings};

const ORDERS: usize = 2000;
const BATCH: usize = 100;
/// Attempts at a time: several batches of them.
const IN_FLIGHT: usize = 400;
/// Looks that find nothing: before the first hint, and after the last order.
const IN_VAIN: usize = 4;

/// A house whose worker has worked off [`ORDERS`] orders, all placed in one commit that is not counted.
async fn worked_off(handler: Arc<dyn OrderHandler>) -> House {
    let settings = WorkerSettings {
        max_in_flight: IN_FLIGHT,
        tuning: Tuning {
            batch: BATCH,
            ..Tuning::default()
        },
        ..settings()
    };
    let plan = Plan {
        settings,
        ..Plan::default()
    };
    let mut house = House::open(plan, handler);
    house.place(ORDERS).await;
    assert_eq!(house.store.calls.commits.take(), [ORDERS]);
    house.until_count(Status::Processed, ORDERS).await;
    house
}

fn taking(time: impl Fn(&Order) -> Duration + Send + Sync + 'static) -> Arc<Scripted> {
    Scripted::new(move |order| Step::AnswerAfter(time(order), Outcome::Done { result: None }))
}

/// These calls were about every order once, in as few as batches allow, beside some that found nothing.
fn assert_full_batches(sizes: &[usize], what: &str) {
    let (in_vain, full): (Vec<usize>, Vec<usize>) = sizes.iter().partition(|size| **size == 0);
    assert_eq!(full, [BATCH; ORDERS / BATCH], "{what}: {sizes:?}");
    assert!(in_vain.len() <= IN_VAIN, "{what}: {sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_no_time_takes_one_claim_and_one_commit_a_batch() {
    let house = worked_off(Arc::new(NoWork)).await;
    let calls = &house.store.calls;
    assert_full_batches(&calls.claims.take(), "claimed");
    assert_full_batches(&calls.commits.take(), "committed");
    assert_eq!(calls.heartbeats.take(), [0; 0], "no lease grows old");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_time_takes_one_claim_and_one_commit_a_batch() {
    // Longer than a lease, so that each one is prolonged.
    let house = worked_off(taking(|_| Duration::from_secs(50))).await;
    let calls = &house.store.calls;
    assert_full_batches(&calls.claims.take(), "claimed");
    assert_full_batches(&calls.commits.take(), "committed");
    let beats = calls.heartbeats.take();
    let rounds = ORDERS / IN_FLIGHT;
    // Each third of a lease of 30 s, all that run in one call.
    assert!(
        (rounds * 4..=rounds * 6).contains(&beats.len()),
        "{beats:?}"
    );
    assert!(beats.iter().all(|size| *size == IN_FLIGHT), "{beats:?}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_come_one_after_the_other_share_the_commits() {
    // A commit takes a millisecond, in which about twenty others end.
    let house = worked_off(taking(|order| {
        Duration::from_millis(10 + order.amount.minor() * 7 % 20)
    }))
    .await;
    let calls = &house.store.calls;
    let (claims, commits) = (calls.claims.take(), calls.commits.take());
    for (sizes, what) in [(claims, "claimed"), (commits, "committed")] {
        assert_eq!(sizes.iter().sum::<usize>(), ORDERS, "{what}: {sizes:?}");
        assert!(sizes.len() <= ORDERS / 10, "{what}: {sizes:?}");
        assert!(sizes.iter().all(|size| *size <= BATCH), "{what}: {sizes:?}");
    }
    house.stop().await;
}
