//! Orders to write, and how their writes are told apart.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresStore;
use application::ports::{CommitError, Committed, Guard, Ids, OrderStore, Write};
use application::system::{SystemClock, SystemIds};
use domain::{IdempotencyKey, Order, OrderId, PlaceOrder, ShardId, Timestamp, Trace};
use port_conformance::order_store::sample;

pub fn now() -> Timestamp {
    use application::ports::Clock as _;
    SystemClock::new().now()
}

/// The write of a new order with a key.
pub fn keyed(command: &PlaceOrder, key: &str) -> Write {
    let id = SystemIds.order_id(now(), &command.user_id);
    Write {
        decision: Order::place(command.clone(), id, now(), Trace::default()),
        guard: Guard::New {
            key: Some(IdempotencyKey::new(key).expect("the test's keys are valid")),
            fingerprint: Some(command.fingerprint()),
        },
        receipt: None,
    }
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

/// Places one order within `patience`; its id, and what the store said.
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
