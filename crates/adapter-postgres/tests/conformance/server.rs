//! Stores on the server that `scripts/test` starts: each in schemas of its own, one a shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adapter_postgres::{ConnectError, NotifyBus, PostgresOptions, PostgresStore, ShardMap, Tuning};
use application::in_process::{FanOut, InProcessHints};
use application::ports::{Clock, CommitHints, Ids, OrderWriter as _};
use application::system::{SystemClock, SystemIds};
use async_trait::async_trait;
use domain::{ShardId, Timestamp};
use port_conformance::order_store::{OpenStore, StoreFactory, Surroundings};
use tokio::task::JoinSet;

/// The server's address, from the environment.
///
/// # Panics
/// If there is none.
pub fn address() -> String {
    std::env::var("ORDERMILL_TEST_POSTGRES")
        .expect("ORDERMILL_TEST_POSTGRES is not set: run scripts/test, which starts a PostgreSQL server and sets it")
}

/// A connection beside the store's own, for looking and for breaking.
pub struct Beside {
    pub client: tokio_postgres::Client,
    _driver: JoinSet<()>,
}

impl Beside {
    pub async fn to(address: &str) -> Self {
        let (client, driver) = tokio_postgres::connect(address, tokio_postgres::NoTls)
            .await
            .expect("the test's server answers");
        let mut drivers = JoinSet::new();
        drivers.spawn(async move {
            let _ = driver.await;
        });
        Self {
            client,
            _driver: drivers,
        }
    }

    pub async fn run(&self, sql: &str) {
        self.client
            .batch_execute(sql)
            .await
            .expect("the test's SQL is valid");
    }
}

/// Addresses of fresh schemas, one a shard.
pub async fn fresh_shards(count: usize) -> Vec<String> {
    fresh_shards_on(&address(), count).await
}

/// Addresses of fresh schemas of this server, one a shard.
pub async fn fresh_shards_on(base: &str, count: usize) -> Vec<String> {
    let beside = Beside::to(base).await;
    let mut addresses = Vec::new();
    for _ in 0..count {
        let name = format!("test_{:016x}", SystemIds.random());
        beside.run(&format!("CREATE SCHEMA {name}")).await;
        addresses.push(in_schema(base, &name));
    }
    addresses
}

fn in_schema(base: &str, name: &str) -> String {
    let joint = if base.contains('?') { '&' } else { '?' };
    format!("{base}{joint}options=-c%20search_path%3D{name}")
}

/// For what comes by itself, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A shard that is away is tried again this soon.
pub const QUICK_BACKOFF: Duration = Duration::from_millis(500);

/// Options for tests: small, and patient, so that nothing fails because the machine is slow.
pub fn options(shards: &[String]) -> PostgresOptions {
    PostgresOptions {
        shards: shards.to_vec(),
        map: ShardMap::Spread,
        pool_size: 4,
        queue: 8_192,
        batch: 512,
        connect_timeout: PATIENCE,
        start_timeout: PATIENCE,
        tuning: Tuning {
            statement_timeout: PATIENCE,
            max_backoff: QUICK_BACKOFF,
        },
    }
}

/// A process on the store: its hints and its clock.
pub struct Process {
    pub store: Arc<PostgresStore>,
    pub hints: Arc<InProcessHints>,
    /// With `store.notify`.
    bus: Option<Arc<NotifyBus>>,
    clock: Arc<JumpingClock>,
    shards: Vec<String>,
}

impl Process {
    /// A process with `store.notify`.
    pub async fn start(options: PostgresOptions) -> Result<Self, ConnectError> {
        Self::start_with(options, true).await
    }

    /// A process that starts a bus if `notify`.
    pub async fn start_with(options: PostgresOptions, notify: bool) -> Result<Self, ConnectError> {
        let shards = options.shards.clone();
        let ids: Vec<ShardId> = (0..).map(ShardId).take(shards.len()).collect();
        let hints = Arc::new(InProcessHints::new(&ids));
        let clock = Arc::new(JumpingClock::default());
        let bus = notify
            .then(|| NotifyBus::start(&options, &hints).map(Arc::new))
            .transpose()?;
        let mut buses: Vec<Arc<dyn CommitHints>> = vec![Arc::clone(&hints) as _];
        buses.extend(bus.clone().map(|bus| bus as _));
        let wall_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let store =
            PostgresStore::connect(options, wall_clock, Arc::new(FanOut::to(buses))).await?;
        Ok(Self {
            store: Arc::new(store),
            hints,
            bus,
            clock,
            shards,
        })
    }

    pub async fn on(shards: &[String]) -> Self {
        Self::start(options(shards))
            .await
            .expect("the test's server is there")
    }

    /// Closes the store and the bus.
    pub async fn close(&self) {
        self.store.close().await;
        if let Some(bus) = &self.bus {
            bus.close().await;
        }
    }

    pub fn shards(&self) -> &[String] {
        &self.shards
    }
}

/// The machine's clocks, with a wall clock that tests set forward.
#[derive(Default)]
struct JumpingClock {
    clock: SystemClock,
    ahead_ms: AtomicU64,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst));
        self.clock.now().saturating_add(ahead)
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// Opens stores of two shards.
pub struct Postgres;

#[async_trait]
impl StoreFactory for Postgres {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        Box::new(Process::on(&fresh_shards(2).await).await)
    }
}

#[async_trait]
impl OpenStore for Process {
    fn surroundings(&self) -> Surroundings {
        Surroundings::in_process(&self.store, &self.hints, &self.clock)
    }

    async fn pass(&self, duration: Duration) {
        tokio::time::sleep(duration + Duration::from_millis(20)).await;
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore> {
        self.close().await;
        Box::new(Self::on(&self.shards).await)
    }

    async fn second(&self) -> Option<Box<dyn OpenStore>> {
        Some(Box::new(Self::on(&self.shards).await))
    }

    fn hints_cross_processes(&self) -> bool {
        true
    }

    fn jump_wall_clock(&self, by: Duration) -> bool {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.clock.ahead_ms.fetch_add(ms, Ordering::SeqCst);
        true
    }
}
