//! The store that the configuration names: checked, then opened, with its schema brought up to date and hints wired to
//! it, then supervised: the process stops at its fatal error, and its failed commits are noted and probed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use adapter_postgres::{
    BucketRange, ConnectError, NotifyBus, PostgresOptions, PostgresStore, ShardMap,
};
use adapter_sqlite::{SqliteOptions, SqliteStore, Tuning};
use application::in_process::{FanOut, InProcessHints};
use application::ports::{Clock, CommitHints, OrderStore, StorePorts, WakeUps};
use application::store_health::{self, CommitHealth};
use application::system::{SystemClock, SystemIds};
use domain::ShardId;

use crate::config::{self, Config, Configuration, Layers, ShardMapText, StoreKind};
use crate::error::ServerError;
use crate::folders;
use crate::supervisor::Supervisor;
use crate::wiring::Wiring;

/// A store and its hints, as they were opened.
pub struct OpenStore {
    store: Arc<dyn OrderStore>,
    wake_ups: Arc<dyn WakeUps>,
    fatal_error: FatalError,
}

/// The wait for a fatal error of the store, which resolves to its reason.
type FatalError = Pin<Box<dyn Future<Output = String> + Send>>;

/// A store that is ready for use, and supervised.
pub struct SupervisedStore {
    /// Where orders are durable.
    pub ports: StorePorts,
    /// Wakes up the workers and the watchers.
    pub wake_ups: Arc<dyn WakeUps>,
    /// Which shards take commits.
    pub commits: CommitHealth,
}

/// Refuses what no store can be opened with: a data folder that is a file, an address that cannot be read.
pub fn check(config: &Config, layers: &mut Layers) {
    match config.store.kind {
        StoreKind::Sqlite => folders::check("store.data_dir", &config.store.data_dir, layers),
        StoreKind::Postgres => {
            for fault in postgres_options(&config.store).faults() {
                match fault {
                    ConnectError::InvalidAddress { shard, reason } => {
                        let reason =
                            format!("has no PostgreSQL address for shard {shard}: {reason}");
                        layers.refuse("store.shards", &reason);
                    }
                    other => layers.refuse("store.map", &format!("does not fit: {other}")),
                }
            }
        }
    }
}

/// Opens it. A new folder or database gets its schema; one of another build is refused with the remedy.
///
/// # Errors
/// If it cannot be opened; the message names the remedy.
pub async fn open(
    config: &Config,
    sqlite: Tuning,
    clock: Arc<dyn Clock>,
) -> Result<OpenStore, ServerError> {
    match config.store.kind {
        StoreKind::Sqlite => open_sqlite(&config.store, sqlite, clock).await,
        StoreKind::Postgres => open_postgres(&config.store, clock).await,
    }
}

/// Hands out the ports of an opened store, with what `wiring` puts around it. The process stops at a fatal error of the store,
/// because only the next one can tell what the disk holds; failed commits are noted, and probed until one succeeds.
pub fn supervise(
    opened: OpenStore,
    wiring: &mut dyn Wiring,
    supervisor: &mut Supervisor,
) -> SupervisedStore {
    let OpenStore {
        store,
        wake_ups,
        fatal_error,
    } = opened;
    let soft = supervisor.soft.clone();
    supervisor.spawn("the store", async move {
        tokio::select! {
            () = soft.cancelled() => Ok(()),
            reason = fatal_error => Err(reason),
        }
    });
    let ports = wiring.store(StorePorts::of(&store), supervisor);
    let commits = CommitHealth::new(ports.queue.shards());
    let (probed, untracked) = (commits.clone(), Arc::clone(&ports.writer));
    let soft = supervisor.soft.clone();
    supervisor.spawn("the probing of commits", async move {
        probed.run(untracked, soft).await;
        Ok(())
    });
    SupervisedStore {
        ports: store_health::tracked(ports, &commits),
        wake_ups,
        commits,
    }
}

async fn open_sqlite(
    set: &config::Store,
    tuning: Tuning,
    clock: Arc<dyn Clock>,
) -> Result<OpenStore, ServerError> {
    let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
    let options = SqliteOptions {
        data_dir: set.data_dir.clone(),
        queue: set.queue,
        batch: set.batch,
        tuning,
    };
    let published = Arc::clone(&hints);
    // It reads and may migrate; the signals are listened to meanwhile.
    let store = tokio::task::spawn_blocking(move || {
        SqliteStore::open(options, clock, Arc::new(SystemIds), published)
    })
    .await
    .map_err(ServerError::Open)??;
    let store = Arc::new(store);
    let watched = Arc::clone(&store);
    Ok(OpenStore {
        store,
        wake_ups: hints,
        fatal_error: Box::pin(async move { watched.fatal_error().await }),
    })
}

async fn open_postgres(
    set: &config::Store,
    clock: Arc<dyn Clock>,
) -> Result<OpenStore, ServerError> {
    let shards: Vec<ShardId> = (0..set.shards.len())
        .filter_map(|number| u16::try_from(number).ok().map(ShardId))
        .collect();
    let hints = Arc::new(InProcessHints::new(&shards));
    let options = postgres_options(set);
    let mut buses: Vec<Arc<dyn CommitHints>> = vec![Arc::clone(&hints) as _];
    if set.notify {
        buses.push(Arc::new(NotifyBus::start(&options, &hints)?));
    }
    let store = PostgresStore::connect(options, clock, Arc::new(FanOut::to(buses))).await?;
    Ok(OpenStore {
        store: Arc::new(store),
        wake_ups: hints,
        // A server that went away comes back: its shards are refused until then, which is no fatal error.
        fatal_error: Box::pin(std::future::pending()),
    })
}

/// Brings the schema up to date without starting a store: unlike a start, it needs every shard to be reachable. Returns the
/// number of shards.
///
/// # Errors
/// If a store cannot be opened with these settings; the message names the remedy.
pub async fn migrate(configuration: Configuration) -> Result<usize, ServerError> {
    let Configuration {
        settings: config,
        mut layers,
        ..
    } = configuration;
    check(&config, &mut layers);
    layers.finish()?;
    folders::restrict_new_files();
    match config.store.kind {
        StoreKind::Sqlite => {
            let clock = Arc::new(SystemClock::new());
            let opened = open_sqlite(&config.store, Tuning::default(), clock).await?;
            opened.store.close().await;
        }
        StoreKind::Postgres => {
            adapter_postgres::migrate(&postgres_options(&config.store)).await?;
        }
    }
    Ok(config.store.shards.len().max(1))
}

fn postgres_options(set: &config::Store) -> PostgresOptions {
    PostgresOptions {
        shards: set.shards.0.clone(),
        map: match &set.map {
            ShardMapText::Spread => ShardMap::Spread,
            ShardMapText::Letter => ShardMap::Letter,
            ShardMapText::Ranges(ranges) => {
                let range = |&(first, last, shard): &(u16, u16, u16)| BucketRange {
                    first,
                    last,
                    shard: ShardId(shard),
                };
                ShardMap::Ranges(ranges.iter().map(range).collect())
            }
        },
        pool_size: set.pool,
        queue: set.queue,
        batch: set.batch,
        connect_timeout: set.connect_timeout,
        start_timeout: set.start_timeout,
        tuning: adapter_postgres::Tuning::default(),
    }
}
