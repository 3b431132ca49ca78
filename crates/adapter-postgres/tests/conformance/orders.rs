//! The orders that the tests write.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresStore;
use application::ports::{
    CommitError, Committed, Erasure, Guard, Ids, OrderWriter as _, Sharded as _, Write,
};
use application::system::{SystemClock, SystemIds};
use domain::{
    Cause, Decision, IdempotencyKey, Order, OrderId, PlaceOrder, ReceiptLocation, ShardId,
    Timestamp,
};
use port_conformance::order_store::{deadline, sample};

pub fn now() -> Timestamp {
    use application::ports::Clock as _;
    SystemClock::new().now()
}

/// The write of a new order with a key.
pub fn keyed(command: &PlaceOrder, key: &str) -> Write {
    let id = SystemIds.order_id(now(), &command.user_id);
    Write {
        decision: Order::place(
            command.clone(),
            id,
            now(),
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard: Guard::New {
            key: Some(IdempotencyKey::new(key).expect("the test's keys are valid")),
            fingerprint: Some(command.fingerprint()),
        },
    }
}

/// The write of a new order without a key, as it was decided.
pub fn unkeyed(decision: Decision, command: &PlaceOrder) -> Write {
    let fingerprint = Some(command.fingerprint());
    Write {
        decision,
        guard: Guard::New {
            key: None,
            fingerprint,
        },
    }
}

/// The erasure of an order as it is.
pub fn erasure(order: &Order) -> Erasure {
    Erasure {
        event: order.erase(now()).expect("the order can be erased"),
        version: order.version,
        status: order.status,
    }
}

/// Commits a write that nothing conflicts with; the order after it.
pub async fn written(store: &PostgresStore, write: Write) -> Arc<Order> {
    let order = Arc::clone(&write.decision.order);
    let answer = store.commit(vec![write], deadline()).await.remove(0);
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    order
}

/// A user of each shard, by the shard's number.
pub fn users(store: &PostgresStore) -> Vec<String> {
    let user_of = |shard: &ShardId| {
        (0..)
            .map(|number| format!("user-{number}"))
            .find(|user| {
                let bucket = domain::Bucket::of(&sample::user(user));
                store.shard_of(bucket) == *shard
            })
            .expect("every shard owns buckets")
    };
    store.shards().iter().map(user_of).collect()
}

/// Places one order within `patience`; its id, and the store's answer.
pub async fn place(
    store: &Arc<PostgresStore>,
    user: &str,
    key: &str,
    patience: Duration,
) -> (OrderId, Result<Committed, CommitError>) {
    let write = keyed(&sample::plain(user, 100), key);
    let id = write.decision.order.id;
    let deadline = tokio::time::Instant::now() + patience;
    (id, store.commit(vec![write], deadline).await.remove(0))
}
