//! The store that the configuration names: checked, then opened, with its schema brought up to date and hints wired to
//! it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use adapter_postgres::{BucketRange, ConnectError, PostgresOptions, PostgresStore, ShardMap};
use adapter_sqlite::{SqliteOptions, SqliteStore};
use anyhow::Context as _;
use application::in_process::InProcessHints;
use application::ports::{Clock, Dispatch, OrderStore, StatusBus, StorePorts};
use application::system::SystemIds;
use domain::ShardId;

use crate::check::check_folder;
use crate::config::{self, Config, Layers, ShardMapText, StoreKind};
use crate::owner_only;

/// A store and its hints.
pub struct OpenStore {
    /// Where orders are durable.
    pub ports: StorePorts,
    /// Wakes the workers.
    pub dispatch: Arc<dyn Dispatch>,
    /// Wakes the watchers.
    pub bus: Arc<dyn StatusBus>,
    /// Ends when the store gives itself up, with the reason.
    pub gives_up: GivesUp,
}

/// The wait for a store that gives itself up.
type GivesUp = Pin<Box<dyn Future<Output = String> + Send>>;

/// Refuses what no store can be opened with: a data folder that is a file, an address that cannot be read.
pub fn check(config: &Config, layers: &mut Layers) {
    match config.store.kind {
        StoreKind::Sqlite => check_folder("store.data_dir", &config.store.data_dir, layers),
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
pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<OpenStore> {
    match config.store.kind {
        StoreKind::Sqlite => open_sqlite(&config.store, clock).await,
        StoreKind::Postgres => open_postgres(&config.store, clock).await,
    }
}

async fn open_sqlite(set: &config::Store, clock: Arc<dyn Clock>) -> anyhow::Result<OpenStore> {
    let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
    let options = SqliteOptions {
        data_dir: set.data_dir.clone(),
        queue: set.queue,
        batch: set.batch,
        tuning: adapter_sqlite::Tuning::default(),
    };
    let (dispatch, bus) = (Arc::clone(&hints), Arc::clone(&hints));
    // It reads and may migrate; the signals are listened to meanwhile.
    let store = tokio::task::spawn_blocking(move || {
        SqliteStore::open(options, clock, Arc::new(SystemIds), dispatch, bus)
    })
    .await
    .context("the store could not be opened")??;
    let store = Arc::new(store);
    let watched = Arc::clone(&store);
    Ok(OpenStore {
        ports: StorePorts::of(&(store as Arc<dyn OrderStore>)),
        dispatch: Arc::clone(&hints) as _,
        bus: hints,
        gives_up: Box::pin(async move { watched.fatal_error().await }),
    })
}

async fn open_postgres(set: &config::Store, clock: Arc<dyn Clock>) -> anyhow::Result<OpenStore> {
    let shards: Vec<ShardId> = (0..set.shards.len())
        .filter_map(|number| u16::try_from(number).ok().map(ShardId))
        .collect();
    let hints = Arc::new(InProcessHints::new(&shards));
    let (dispatch, bus) = (Arc::clone(&hints), Arc::clone(&hints));
    let store = PostgresStore::connect(postgres_options(set), clock, dispatch, bus).await?;
    Ok(OpenStore {
        ports: StorePorts::of(&(Arc::new(store) as Arc<dyn OrderStore>)),
        dispatch: Arc::clone(&hints) as _,
        bus: hints,
        // A server that went away comes back: its shards are refused until then, and nothing is given up.
        gives_up: Box::pin(std::future::pending()),
    })
}

/// Brings the schema up to date without starting a store: unlike a start, it needs every shard to be reachable. Returns the
/// number of shards.
///
/// # Errors
/// If a store cannot be opened with these settings; the message names the remedy.
pub async fn migrate(
    config: &Config,
    layers: &mut Layers,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<usize> {
    check(config, layers);
    layers.finish()?;
    owner_only::restrict_new_files();
    match config.store.kind {
        StoreKind::Sqlite => {
            let opened = open_sqlite(&config.store, clock).await?;
            opened.ports.writer.close().await;
        }
        StoreKind::Postgres => {
            adapter_postgres::migrate(&postgres_options(&config.store)).await?;
        }
    }
    Ok(config.store.shards.len().max(1))
}

fn postgres_options(set: &config::Store) -> PostgresOptions {
    PostgresOptions {
        shards: set.shards.clone(),
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
