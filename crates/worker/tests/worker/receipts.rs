//! Receipts that are stored: written before the order is PROCESSED, and no fault of the order while the receipt store
//! cannot be reached. Receipts that are rendered: nothing is written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::Receipts;
use application::ports::{
    Clock as _, OrderHandler, OrderWriter as _, Outcome, ReceiptError, ReceiptStore,
};
use async_trait::async_trait;
use domain::{OrderId, Receipt, ReceiptLocation, Status, Wait};
use tokio::time::{Instant, sleep};
use worker::{NoWork, WorkerSettings};

use crate::house::{House, Plan, Scripted, Step, done, new_order_as, settings};

#[derive(Default)]
struct Shelf {
    kept: Mutex<HashMap<String, String>>,
    /// Cannot be reached, and says so.
    away: AtomicBool,
    /// Says that it can be reached, but keeps nothing.
    full: AtomicBool,
    /// Never answers.
    hangs: AtomicBool,
    refuses: AtomicBool,
}

#[async_trait]
impl ReceiptStore for Shelf {
    async fn put(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.away.load(Ordering::SeqCst) || self.full.load(Ordering::SeqCst) {
            return Err(ReceiptError::Unavailable("the test wants it so".into()));
        }
        let key = receipt.key.to_string();
        if self.refuses.load(Ordering::SeqCst) {
            let reason = "the test wants it so".into();
            return Err(ReceiptError::Refused { key, reason });
        }
        let mut kept = self.kept.lock().unwrap();
        match kept.get(&key) {
            Some(text) if *text != receipt.text => Err(ReceiptError::Conflict { key }),
            Some(_) => Ok(()),
            None => {
                kept.insert(key, receipt.text.clone());
                Ok(())
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, ReceiptError> {
        Ok(self.kept.lock().unwrap().get(key).cloned())
    }

    async fn is_reachable(&self) -> bool {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        !self.away.load(Ordering::SeqCst)
    }
}

fn plan(shelf: &Arc<Shelf>) -> Plan {
    Plan {
        settings: WorkerSettings {
            max_attempts: 2,
            ..settings()
        },
        receipts: Receipts::Outside(Arc::clone(shelf) as Arc<dyn ReceiptStore>),
        ..Plan::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_receipt_is_written_before_the_order_is_processed_also_without_work() {
    let shelf = Arc::new(Shelf::default());
    let mut house = House::open(plan(&shelf), Arc::new(NoWork));
    let ids = house.place(100).await;
    house.until_count(Status::Processed, 100).await;
    for id in ids {
        let order = house.store.order(id);
        let key = order.receipt_key.clone().unwrap();
        assert_eq!(
            shelf.get(&key).await.unwrap(),
            Some(Receipt::of(&order).text)
        );
    }
    house.stop().await;
}

/// Places an order whose receipt is rendered, whatever the worker's setting is.
async fn place_rendered(house: &House, number: u64) -> OrderId {
    place(house, number, ReceiptLocation::Rendered).await
}

async fn place(house: &House, number: u64, location: ReceiptLocation) -> OrderId {
    let (id, write) = new_order_as(number, house.clock.now(), location, None);
    let deadline = Instant::now() + Duration::from_secs(5);
    house.store.commit(vec![write], deadline).await[0]
        .as_ref()
        .unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn the_order_decides_whether_its_receipt_is_written() {
    for handler in [
        Scripted::new(|_| done()) as Arc<dyn OrderHandler>,
        Arc::new(NoWork),
    ] {
        let shelf = Arc::new(Shelf::default());
        let mut house = House::open(plan(&shelf), handler);
        let stored = house.place(10).await;
        let mut rendered = Vec::new();
        for number in 1_000..1_010 {
            rendered.push(place_rendered(&house, number).await);
        }
        house.until_count(Status::Processed, 20).await;
        assert_eq!(shelf.kept.lock().unwrap().len(), 10);
        for id in stored {
            let order = house.store.order(id);
            let text = shelf.get(order.receipt_key.as_ref().unwrap()).await;
            assert_eq!(text.unwrap(), Some(Receipt::of(&order).text));
        }
        for id in rendered {
            let order = house.store.order(id);
            assert_eq!(order.receipt_key, Some(Receipt::key_of(&order.user_id, id)));
            let text = shelf.get(order.receipt_key.as_ref().unwrap()).await;
            assert_eq!(text.unwrap(), None, "a rendered receipt is written nowhere");
        }
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rendered_receipt_cannot_conflict() {
    let shelf = Arc::new(Shelf::default());
    let house = House::open(plan(&shelf), Arc::new(NoWork));
    shelf.refuses.store(true, Ordering::SeqCst);
    place_rendered(&house, 1_000).await;
    house.until_count(Status::Processed, 1).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_receipt_store_an_order_with_a_stored_receipt_is_processed() {
    for handler in [
        Scripted::new(|_| done()) as Arc<dyn OrderHandler>,
        Arc::new(NoWork),
    ] {
        let shelf = Arc::new(Shelf::default());
        shelf.away.store(true, Ordering::SeqCst);
        let mut house = House::open(plan(&shelf), Arc::clone(&handler));
        let before = house.place(5).await;
        sleep(Duration::from_secs(60)).await;
        for id in &before {
            let waiting_for = house.store.order(*id).waiting_for();
            assert_eq!(waiting_for.map(|wait| wait.what), Some(Wait::Receipts));
        }
        // The operator gives up the receipt store.
        let house = house.restart(Receipts::Rendered, handler).await;
        place(&house, 1_000, ReceiptLocation::Stored).await;
        house.until_count(Status::Processed, 6).await;
        assert!(shelf.kept.lock().unwrap().is_empty());
        for id in before {
            let order = house.store.order(id);
            assert_eq!(order.receipt.location, ReceiptLocation::Stored);
            assert_eq!(order.receipt_key, Some(Receipt::key_of(&order.user_id, id)));
        }
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_receipt_store_is_away_the_work_goes_on_and_is_done_once() {
    let shelf = Arc::new(Shelf::default());
    shelf.away.store(true, Ordering::SeqCst);
    let handler = Scripted::new(|_| done());
    let mut house = House::open(plan(&shelf), handler.clone());
    let ids = house.place(100).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(house.store.count(Status::Retrying), 100);
    assert_eq!(handler.times().len(), 100, "one call for each order");
    assert!(!house.status.receipts_reachable());
    let events: usize = ids.iter().map(|id| house.store.history(*id).len()).sum();
    assert!(
        events < 1_000,
        "{events} events: the store is not asked at full speed"
    );
    shelf.away.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    house.until_count(Status::Processed, 100).await;
    assert!(
        begun.elapsed() < Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_is_done_is_not_done_again_after_a_restart() {
    let shelf = Arc::new(Shelf::default());
    shelf.full.store(true, Ordering::SeqCst);
    let handler = Scripted::new(|_| {
        let result = Some(Arc::from("{\"tracking\":7}"));
        Step::Answer(Outcome::Done { result })
    });
    let mut house = House::open(plan(&shelf), handler.clone());
    let id = house.place(1).await[0];
    sleep(Duration::from_secs(5)).await;
    let again = Scripted::new(|_| done());
    let receipts = Receipts::Outside(Arc::clone(&shelf) as Arc<dyn ReceiptStore>);
    let house = house.restart(receipts, again.clone()).await;
    sleep(Duration::from_secs(60)).await;
    let waiting = house.store.order(id);
    assert_eq!(
        (waiting.status, waiting.work_done),
        (Status::Retrying, true)
    );
    shelf.full.store(false, Ordering::SeqCst);
    house.until_count(Status::Processed, 1).await;
    assert_eq!((handler.times().len(), again.times().len()), (1, 0));
    let processed = house.store.order(id);
    assert_eq!(processed.result.as_deref(), Some("{\"tracking\":7}"));
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_receipt_cannot_be_kept_waits_without_paying() {
    let full: fn(&Shelf) -> &AtomicBool = |shelf| &shelf.full;
    let hangs: fn(&Shelf) -> &AtomicBool = |shelf| &shelf.hangs;
    for trouble in [full, hangs] {
        let shelf = Arc::new(Shelf::default());
        let handler = Scripted::new(|_| done());
        let mut house = House::open(plan(&shelf), handler.clone());
        trouble(&shelf).store(true, Ordering::SeqCst);
        let ids = house.place(5).await;
        sleep(Duration::from_secs(600)).await;
        assert_eq!(house.store.count(Status::Failed), 0);
        assert_eq!(handler.times().len(), 5, "the work is done once");
        let events = |id: &OrderId| house.store.history(*id).len();
        let most = ids.iter().map(events).max();
        assert!(
            most < Some(700),
            "{most:?} events: it is not asked at full speed"
        );
        for id in &ids {
            assert!(house.store.order(*id).attempt <= 1);
        }
        trouble(&shelf).store(false, Ordering::SeqCst);
        house.until_count(Status::Processed, 5).await;
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_or_a_refusal_is_a_dead_letter_with_the_reason() {
    let shelf = Arc::new(Shelf::default());
    let mut house = House::open(plan(&shelf), Arc::new(NoWork));
    shelf.refuses.store(true, Ordering::SeqCst);
    let refused = house.place(1).await[0];
    house.until_count(Status::Failed, 1).await;
    shelf.refuses.store(false, Ordering::SeqCst);
    assert_eq!(
        &*house.store.order(refused).failure.as_ref().unwrap().code,
        "receipt_refused"
    );

    let stored = ReceiptLocation::Stored;
    let (next, write) = new_order_as(2, house.clock.now(), stored, None);
    let key = Receipt::of(&write.decision.order).key.to_string();
    shelf
        .kept
        .lock()
        .unwrap()
        .insert(key, "another text".to_owned());
    let deadline = Instant::now() + Duration::from_secs(1);
    house.store.commit(vec![write], deadline).await;
    house.until_count(Status::Failed, 2).await;
    assert_eq!(
        &*house.store.order(next).failure.as_ref().unwrap().code,
        "receipt_conflict"
    );
    house.stop().await;
}
