//! Orders that are not processed before a time: they are processed within one scan of it, by the wall clock, across
//! restarts and steps of that clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::Receipts;
use application::ports::{Clock as _, OrderHandler};
use domain::{OrderId, Status, Timestamp};
use tokio::time::{Instant, sleep};
use worker::NoWork;

use crate::house::{House, Scripted, done, settings};

/// One with a script, and the handler `none`.
fn handlers() -> [Arc<dyn OrderHandler>; 2] {
    [Scripted::new(|_| done()), Arc::new(NoWork)]
}

fn scan() -> Duration {
    settings().tuning.slow_scan + Duration::from_millis(100)
}

fn after_now(house: &House, seconds: u64) -> Timestamp {
    house
        .clock
        .now()
        .saturating_add(Duration::from_secs(seconds))
}

fn is_pending(house: &House, id: OrderId) -> bool {
    house.store.order(id).status == Status::Pending
}

/// Waits until it is processed, which must be within a scan of `time`.
async fn is_processed_at(house: &House, id: OrderId, time: Timestamp) {
    house.until_count(Status::Processed, 1).await;
    let at = house.store.order(id).updated_at;
    assert!(time <= at, "processed at {at}, before {time}");
    assert!(at <= time.saturating_add(scan()), "{at}, late for {time}");
}

#[tokio::test(start_paused = true)]
async fn an_order_waits_for_its_time_and_is_processed_within_a_scan_of_it() {
    for handler in handlers() {
        let mut house = House::with(handler);
        let time = after_now(&house, 600);
        let later = house.place_later(time).await;
        let others = house.place(3).await;
        sleep(Duration::from_secs(599)).await;
        assert!(is_pending(&house, later));
        for other in others {
            let order = house.store.order(other);
            assert_eq!(order.status, Status::Processed, "it delays no other order");
        }
        house.until_count(Status::Processed, 4).await;
        let at = house.store.order(later).updated_at;
        assert!(time <= at && at <= time.saturating_add(scan()), "{at}");
        assert_eq!(house.store.order(later).attempt, 1);
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn its_time_is_kept_across_restarts() {
    for handler in handlers() {
        let mut house = House::with(Arc::clone(&handler));
        let time = after_now(&house, 600);
        let later = house.place_later(time).await;
        for _ in 0..3 {
            sleep(Duration::from_secs(150)).await;
            house = house
                .restart(Receipts::Rendered, Arc::clone(&handler))
                .await;
            assert!(is_pending(&house, later));
        }
        is_processed_at(&house, later, time).await;
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_forward_brings_its_time_nearer() {
    for handler in handlers() {
        let mut house = House::with(handler);
        let later = house.place_later(after_now(&house, 3_600)).await;
        sleep(Duration::from_secs(10)).await;
        assert!(is_pending(&house, later));
        house.clock.step(3_590);
        let stepped = Instant::now();
        house.until_count(Status::Processed, 1).await;
        assert!(stepped.elapsed() <= scan(), "{:?}", stepped.elapsed());
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_back_puts_its_time_off_also_across_a_restart() {
    for handler in handlers() {
        let mut house = House::with(Arc::clone(&handler));
        let time = after_now(&house, 60);
        let later = house.place_later(time).await;
        sleep(Duration::from_secs(30)).await;
        house.clock.step(-300);
        sleep(Duration::from_secs(120)).await;
        assert!(is_pending(&house, later), "its time has not come");
        house = house
            .restart(Receipts::Rendered, Arc::clone(&handler))
            .await;
        sleep(Duration::from_secs(120)).await;
        assert!(is_pending(&house, later), "its time has not come");
        is_processed_at(&house, later, time).await;
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_at_its_time_gives_it_as_soon_as_it_is_back() {
    for handler in handlers() {
        let mut house = House::with(handler);
        let later = house.place_later(after_now(&house, 60)).await;
        house.store.faults.down.store(true, Ordering::SeqCst);
        sleep(Duration::from_secs(120)).await;
        house.store.faults.down.store(false, Ordering::SeqCst);
        let back = Instant::now();
        house.until_count(Status::Processed, 1).await;
        let late = back.elapsed();
        assert!(late < Duration::from_secs(6), "{late:?}");
        assert_eq!(house.store.order(later).attempt, 1);
        house.stop().await;
    }
}
