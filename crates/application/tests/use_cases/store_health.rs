//! Readiness follows the commits, and health asks every shard without waiting for any.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Deadline, Erasure, NextDue, OrderStore,
    OrderWriter, RescuePolicy, Sharded, StoreError, StorePorts, WorkQueue, Write,
};
use application::store_health::{CommitFailure, CommitHealth, ShardState, tracked};
use application::system::SystemIds;
use application::{Caller, LocalOrders, Orders, OrdersDependencies};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, Order, ShardId, Trace, UserId};
use port_conformance::in_memory::InMemory;
use port_conformance::order_store::{OpenStore, StoreFactory as _, sample};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::opened::{caller, soon};

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const FIRST: ShardId = ShardId(0);
const SECOND: ShardId = ShardId(1);

/// Two shards, each of which fails on demand.
struct Shards {
    inner: Arc<dyn OrderStore>,
    /// What every commit, claim and probe of a shard fails with.
    commits: Mutex<BTreeMap<ShardId, StoreError>>,
    silent: Mutex<Option<ShardId>>,
    probes: Mutex<Vec<ShardId>>,
    /// Probes wait for it, if it is there.
    gate: Mutex<Option<Arc<Notify>>>,
}

impl Shards {
    fn fail(&self, error: &StoreError) {
        for shard in [FIRST, SECOND] {
            if is_of(error, shard) {
                self.commits.lock().unwrap().insert(shard, error.clone());
            }
        }
    }

    fn recover(&self) {
        self.commits.lock().unwrap().clear();
    }

    fn failure(&self, shard: ShardId) -> Result<(), StoreError> {
        let commits = self.commits.lock().unwrap();
        commits.get(&shard).cloned().map_or(Ok(()), Err)
    }

    fn probes(&self) -> Vec<ShardId> {
        std::mem::take(&mut *self.probes.lock().unwrap())
    }
}

fn is_of(error: &StoreError, this: ShardId) -> bool {
    match error {
        StoreError::Full { shard, .. }
        | StoreError::Unavailable { shard, .. }
        | StoreError::Unknown { shard, .. }
        | StoreError::Corrupt { shard, .. } => *shard == this,
        StoreError::Overloaded { .. } | StoreError::Expired => true,
    }
}

impl Sharded for Shards {
    fn shards(&self) -> &[ShardId] {
        self.inner.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for Shards {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let shard = self.inner.shard_of(writes[0].decision.order.id.bucket());
        match self.failure(shard) {
            Ok(()) => self.inner.commit(writes, deadline).await,
            Err(error) => vec![Err(error.into()); writes.len()],
        }
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.inner.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.probes.lock().unwrap().push(shard);
        let answer = self.failure(shard);
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        answer
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl WorkQueue for Shards {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.claim(shard, limits, lease).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        self.inner.heartbeat(claims, lease).await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.rescue(shard, policy, limit).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.inner.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        if *self.silent.lock().unwrap() == Some(shard) {
            std::future::pending::<()>().await;
        }
        self.inner.oldest_due_age(shard).await
    }
}

struct Opened {
    orders: Arc<dyn Orders>,
    store: StorePorts,
    shards: Arc<Shards>,
    opened: Box<dyn OpenStore>,
    stop: CancellationToken,
    /// Runs the probes.
    running: JoinSet<()>,
}

impl Opened {
    async fn fresh() -> Self {
        let opened = InMemory.fresh().await;
        let shards = Arc::new(Shards {
            inner: opened.store(),
            commits: Mutex::default(),
            silent: Mutex::default(),
            probes: Mutex::default(),
            gate: Mutex::default(),
        });
        let commits = CommitHealth::new(shards.shards());
        let untracked = StorePorts {
            writer: Arc::clone(&shards) as _,
            queue: Arc::clone(&shards) as _,
            ..StorePorts::of(&shards.inner)
        };
        let store = tracked(untracked.clone(), &commits);
        let orders = Arc::new(LocalOrders::new(OrdersDependencies {
            store: store.clone(),
            commits: commits.clone(),
            receipts: application::Receipts::Rendered,
            clock: opened.clock(),
            ids: Arc::new(SystemIds),
            settings: application::Settings::default(),
        }));
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let stopped = stop.clone();
        running.spawn(async move { commits.run(untracked.writer, stopped).await });
        Self {
            orders,
            store,
            shards,
            opened,
            stop,
            running,
        }
    }

    /// Places an order on a shard; whether that went well.
    async fn place_on(&self, shard: ShardId) -> bool {
        let mut users = (0..).map(|number| UserId::new(&format!("user-{number}")).unwrap());
        let on_it = |user: &UserId| self.shards.shard_of(Bucket::of(user)) == shard;
        let user = users.find(on_it).unwrap();
        let command = sample::plain(user.as_str(), 1);
        let caller = caller();
        let placed = self.orders.place(&caller, command, None);
        placed.await.is_ok()
    }

    async fn states(&self) -> [ShardState; 2] {
        let health = self.orders.store_health(&probing()).await;
        [health.shards[0].state, health.shards[1].state]
    }
}

/// A caller who waits as long as a probe may take.
fn probing() -> Caller {
    Caller::trusted(Trace::default(), Deadline::now() + PROBE_TIMEOUT)
}

fn full(shard: ShardId) -> StoreError {
    let reason = "asked for by the test".to_owned();
    StoreError::Full { shard, reason }
}

fn unavailable(shard: ShardId) -> StoreError {
    let reason = "asked for by the test".to_owned();
    StoreError::Unavailable { shard, reason }
}

#[tokio::test(start_paused = true)]
async fn a_shard_whose_commits_fail_is_ready_again_by_itself() {
    let mut opened = Opened::fresh().await;
    for (error, failure) in [
        (full(FIRST), CommitFailure::Full),
        (unavailable(FIRST), CommitFailure::Unavailable),
    ] {
        assert_eq!(opened.states().await, [ShardState::Available; 2]);
        assert_eq!(opened.shards.probes(), [], "nothing is probed without need");
        opened.shards.fail(&error);
        assert_eq!(
            opened.states().await,
            [ShardState::Available; 2],
            "no commit has failed yet"
        );
        assert!(!opened.place_on(FIRST).await);
        let states = [ShardState::CommitsFail(failure), ShardState::Available];
        assert_eq!(opened.states().await, states);
        let health = opened.orders.store_health(&probing()).await;
        assert!(health.takes_orders(), "the other shard takes orders");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(opened.states().await, states);
        let probes = opened.shards.probes();
        assert!((4..=7).contains(&probes.len()), "{probes:?}");
        opened.shards.recover();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(opened.states().await, [ShardState::Available; 2]);
        opened.shards.probes();
    }
    opened.stop.cancel();
    assert!(opened.running.join_next().await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_store_takes_no_orders_if_the_commits_of_every_shard_fail() {
    let opened = Opened::fresh().await;
    for shard in [FIRST, SECOND] {
        opened.shards.fail(&full(shard));
        assert!(!opened.place_on(shard).await);
    }
    let health = opened.orders.store_health(&probing()).await;
    assert!(!health.takes_orders());
    assert!(health.is_reachable(), "reads go on");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_the_callers_says_nothing_of_the_shard() {
    let opened = Opened::fresh().await;
    let reason = || "asked for by the test".to_owned();
    for error in [
        StoreError::Overloaded { limit: 1 },
        StoreError::Expired,
        StoreError::Unknown {
            shard: FIRST,
            reason: reason(),
        },
        StoreError::Corrupt {
            shard: FIRST,
            reason: reason(),
        },
    ] {
        opened.shards.fail(&error);
        assert!(!opened.place_on(FIRST).await);
        assert_eq!(
            opened.states().await,
            [ShardState::Available; 2],
            "{error:?}"
        );
        opened.shards.recover();
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_began_before_a_failure_does_not_excuse_it() {
    let opened = Opened::fresh().await;
    let gate = Arc::new(Notify::new());
    *opened.shards.gate.lock().unwrap() = Some(Arc::clone(&gate));
    opened.shards.fail(&full(FIRST));
    assert!(!opened.place_on(FIRST).await);
    opened.shards.recover();
    // The probe has begun and would succeed.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(opened.shards.probes(), [FIRST]);
    opened.shards.fail(&full(FIRST));
    assert!(!opened.place_on(FIRST).await);
    gate.notify_one();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let failing = [
        ShardState::CommitsFail(CommitFailure::Full),
        ShardState::Available,
    ];
    assert_eq!(opened.states().await, failing);
}

#[tokio::test(start_paused = true)]
async fn a_probe_tells_what_is_in_the_way_now() {
    let opened = Opened::fresh().await;
    opened.shards.fail(&unavailable(FIRST));
    assert!(!opened.place_on(FIRST).await);
    opened.shards.fail(&full(FIRST));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let full = ShardState::CommitsFail(CommitFailure::Full);
    assert_eq!(opened.states().await, [full, ShardState::Available]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_shard_keeps_nobody_waiting_longer_than_it_may() {
    let opened = Opened::fresh().await;
    assert!(opened.place_on(SECOND).await);
    opened.opened.pass(Duration::from_secs(90)).await;
    *opened.shards.silent.lock().unwrap() = Some(FIRST);
    let asked = tokio::time::Instant::now();
    let health = opened.orders.store_health(&probing()).await;
    assert_eq!(asked.elapsed(), PROBE_TIMEOUT);
    let states: Vec<_> = health.shards.iter().map(|shard| shard.state).collect();
    assert_eq!(states, [ShardState::Unreachable, ShardState::Available]);
    assert_eq!(health.oldest_due_age(), Some(Duration::from_secs(90)));
    assert!(health.takes_orders() && health.is_reachable());
}

/// What workers write counts, too.
#[tokio::test(start_paused = true)]
async fn a_failed_outcome_is_a_failed_commit() {
    let opened = Opened::fresh().await;
    assert!(opened.place_on(FIRST).await);
    let store = &opened.store;
    let limits = application::ports::ClaimLimits::any(1);
    let claimed = store
        .queue
        .claim(FIRST, limits, PROBE_TIMEOUT)
        .await
        .unwrap();
    opened.shards.fail(&full(FIRST));
    let now = opened.opened.clock().now();
    let decision = claimed[0].give_back(None, Duration::ZERO, now).unwrap();
    let write = port_conformance::order_store::write_at(&claimed[0], decision);
    assert!(store.writer.commit(vec![write], soon()).await[0].is_err());
    let full = ShardState::CommitsFail(CommitFailure::Full);
    assert_eq!(opened.states().await, [full, ShardState::Available]);
}
