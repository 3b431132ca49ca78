//! How many connections a store has, counted by the server: never more than it is set to, however many ask it.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::{PostgresOptions, PostgresStore};
use application::ports::{
    Claim, CommitError, EventContent, EventFeed as _, Ids as _, ListFilter, ListQuery,
    OrderReader as _, OrderWriter as _, Sharded as _, WorkQueue as _,
};
use application::system::SystemIds;
use domain::Seq;
use port_conformance::order_store::{LONG, deadline, sample};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::orders::{keyed, users};
use crate::server::{Beside, PATIENCE, Process, address, fresh_shards, options};

const SHARDS: usize = 2;
const POOL: usize = 3;
/// The pool's, the writer's and the listener's. That of the schema ends with the start.
const MOST: usize = POOL + 2;
const CALLERS: usize = 64;
const ROUNDS: usize = 8;

/// A store whose connections go by a name of its own in each shard.
struct Counted {
    process: Process,
    name: String,
    beside: Beside,
}

impl Counted {
    async fn start() -> Self {
        let name = format!("counted-{:016x}", SystemIds.random());
        let shards: Vec<String> = (fresh_shards(SHARDS).await.iter().enumerate())
            .map(|(shard, address)| format!("{address}&application_name={name}-{shard}"))
            .collect();
        let process = Process::start(PostgresOptions {
            pool_size: POOL,
            ..options(&shards)
        })
        .await
        .expect("the test's server is there");
        Self {
            process,
            name,
            beside: Beside::to(&address()).await,
        }
    }

    /// Connections to each shard.
    async fn count(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for shard in 0..SHARDS {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let name = format!("{}-{shard}", self.name);
            let row = self.beside.client.query_one(query, &[&name]).await;
            let count: i64 = row.expect("the test's SQL is valid").get(0);
            counts.push(usize::try_from(count).expect("a count"));
        }
        counts
    }

    /// Waits until each shard has as many.
    async fn until(&self, count: usize) {
        let begun = Instant::now();
        loop {
            let counts = self.count().await;
            if counts == [count; SHARDS] {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{counts:?}, not {count} each");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Callers of every shard ask for everything at once, with so much patience; how often they lost it. Until the
    /// last of them has ended the connections are counted.
    async fn under_load(&self, patience: impl Fn(usize) -> Duration) -> usize {
        let users = users(&self.process.store);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let store = Arc::clone(&self.process.store);
            let user = users[caller % SHARDS].clone();
            let patience = patience(caller);
            callers.spawn(async move {
                let mut gave_up = 0;
                for _ in 0..ROUNDS {
                    match timeout(patience, ask_for_everything(&store, &user)).await {
                        Ok(answer) => answer.expect("the server is well"),
                        Err(_) => gave_up += 1,
                    }
                }
                gave_up
            });
        }
        let mut gave_up = 0;
        while !callers.is_empty() {
            let counts = self.count().await;
            assert!(
                counts.iter().all(|count| *count <= MOST),
                "{counts:?} connections"
            );
            while let Some(ended) = callers.try_join_next() {
                gave_up += ended.expect("the caller's questions are answered");
            }
        }
        gave_up
    }
}

/// Everything that a store is asked for, once.
async fn ask_for_everything(store: &PostgresStore, user: &str) -> Result<(), CommitError> {
    let key = format!("{:016x}", SystemIds.random());
    let write = keyed(&sample::plain(user, 1), &key);
    let order = Arc::clone(&write.decision.order);
    let shard = store.shard_of(order.id.bucket());
    let everything = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 10,
        scan_limit: 100,
    };
    let claim = Claim {
        order_id: order.id,
        token: order.version,
    };
    store.commit(vec![write], deadline()).await.remove(0)?;
    store.get(order.id).await?;
    store.list(&everything).await?;
    store.order_events(order.id, None, 10).await?;
    store
        .events_after(shard, Seq(0), 10, EventContent::EventsAndOrders)
        .await?;
    store.heartbeat(&[claim], LONG).await?;
    store.next_due(shard).await?;
    store.counts().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_load_opens_more_connections_than_the_settings_say() {
    let counted = Counted::start().await;
    // The writer's and the bus's: the pool opens what is asked for, when it is.
    counted.until(MOST - POOL).await;
    assert_eq!(counted.under_load(|_| PATIENCE * 5).await, 0);
    // All of them were needed, and stay.
    counted.until(MOST).await;
    counted.process.close().await;
    counted.until(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_stop_waiting_leave_no_connection_behind() {
    let counted = Counted::start().await;
    counted.until(MOST - POOL).await;
    counted.under_load(|_| PATIENCE * 5).await;
    counted.until(MOST).await;
    let patience = |caller: usize| Duration::from_millis(1 + caller as u64 % 10);
    let gave_up = counted.under_load(patience).await;
    assert!(gave_up > 0, "no caller gave up: nothing was tested");
    counted.until(MOST).await;
    // Nor do they take one away from those who come after them.
    assert_eq!(counted.under_load(|_| PATIENCE * 5).await, 0);
}
