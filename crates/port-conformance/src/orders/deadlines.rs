//! Deadlines: each call ends at its own caller's, and what has not begun to commit by then never appears.

use std::future::Future;
use std::time::Duration;

use application::ports::{Counts, Deadline, StoreError};
use application::{BatchRow, Caller, CommandError, ExpectedVersion, PlaceError, ReadError};
use domain::{IdempotencyKey, OrderCommand, Status};

use super::Carrier;
use super::subject::{Subject, caller, waiting_for};
use crate::faulty::FaultMode;
use crate::order_store::sample;

/// How long a caller waits whose deadline is to pass.
const SHORT: Duration = Duration::from_millis(200);

/// A caller whose deadline has passed.
fn late() -> Caller {
    let past = Deadline::now().checked_sub(Duration::from_secs(1));
    Caller {
        deadline: past.expect("a machine has run for a second"),
        ..caller()
    }
}

/// A call that must end soon after its deadline.
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(Duration::from_secs(10), call).await;
    ended.unwrap_or_else(|_| panic!("the call does not end at its deadline"))
}

/// What comes after its deadline is answered as expired, and is not written.
pub async fn what_expired_is_never_written(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let expired = || PlaceError::Store(StoreError::Expired);
    let key = || IdempotencyKey::new("key-1").ok();
    let orders = &subject.orders;
    let command = sample::numbered("alice", 2, "A-1");
    let placed = orders.place(&late(), command.clone(), key()).await;
    assert_eq!(placed, Err(expired()));
    let rows = vec![
        BatchRow {
            command: command.clone(),
            key: key(),
            history: None,
        };
        2
    ];
    let placed = orders.place_batch(&late(), rows).await;
    assert_eq!(placed, [Err(expired()), Err(expired())]);
    let (hold, any) = (OrderCommand::Hold, ExpectedVersion::Any);
    let held = orders.command(&late(), order.id, hold, any, None).await;
    assert_eq!(held, Err(CommandError::Store(StoreError::Expired)));
    assert_eq!(subject.stored(order.id).await, order);
    let mut one = Counts::default();
    one.set(Status::Pending, 1);
    assert_eq!(orders.counts(&caller()).await, Ok(one));
    let placed = orders.place(&caller(), command, key()).await;
    assert!(
        placed.is_ok(),
        "its key and its number are free: {placed:?}"
    );
}

/// A read whose store does not answer ends at the caller's deadline, and not before.
pub async fn a_read_ends_at_its_deadline(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    subject.store.set_mode(FaultMode::Held);
    let begun = Deadline::now();
    let by = waiting_for(SHORT);
    let read = in_time(subject.orders.get(&by, order.id)).await;
    assert_eq!(read, Err(ReadError::Store(StoreError::Expired)));
    assert!(begun.elapsed() >= SHORT, "it ended early");
    let counts = in_time(subject.orders.counts(&waiting_for(SHORT))).await;
    assert_eq!(counts, Err(ReadError::Store(StoreError::Expired)));
    let health = in_time(subject.orders.store_health(&waiting_for(SHORT))).await;
    assert!(!health.is_reachable(), "{health:?}");
}

/// Calls at the same time end at their own deadlines: one that ends early ends no other.
pub async fn callers_keep_their_own_deadlines(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    subject.store.set_mode(FaultMode::Held);
    let (patient, hasty) = (caller(), waiting_for(SHORT));
    let hasty_ends = async {
        let read = in_time(subject.orders.get(&hasty, order.id)).await;
        subject.store.set_mode(FaultMode::Well);
        read
    };
    let (read, expired) = tokio::join!(subject.orders.get(&patient, order.id), hasty_ends);
    assert_eq!(expired, Err(ReadError::Store(StoreError::Expired)));
    assert_eq!(read, Ok(Some(order)));
}
