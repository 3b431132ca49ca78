//! Embedded stores for the tests, each in a temporary folder, with a clock that the test sets.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::{OpenError, SHARDS, SqliteOptions, SqliteStore, Tuning};
use application::in_process::InProcessHints;
use application::ports::{Clock, Ids, OrderWriter as _};
use application::system::{ManualClock, SystemIds};
use async_trait::async_trait;
use domain::Timestamp;
use port_conformance::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings};
use tempfile::TempDir;

/// Makes stores, each in a new folder.
pub struct Folders;

pub struct Opened {
    pub folder: Arc<TempDir>,
    pub clock: Arc<ManualClock>,
    pub hints: Arc<InProcessHints>,
    pub store: Arc<SqliteStore>,
}

/// Opens the store in `dir` with the options of [`small`].
pub fn open_in(
    dir: &Path,
    clock: &Arc<ManualClock>,
    hints: &Arc<InProcessHints>,
) -> Result<SqliteStore, OpenError> {
    open_with(dir, clock, hints, Arc::new(SystemIds))
}

/// As [`open_in`], with these random numbers.
pub fn open_with(
    dir: &Path,
    clock: &Arc<ManualClock>,
    hints: &Arc<InProcessHints>,
    ids: Arc<dyn Ids>,
) -> Result<SqliteStore, OpenError> {
    open_sized(small(dir), clock, hints, ids)
}

/// Options with a memtable and an event ring that a test can fill.
pub fn small(dir: &Path) -> SqliteOptions {
    SqliteOptions {
        data_dir: dir.to_owned(),
        queue: 8_192,
        batch: 1_024,
        tuning: Tuning {
            unindexed: 256,
            recent_events: 64,
            ..Tuning::default()
        },
    }
}

/// Opens the store with these options.
pub fn open_sized(
    options: SqliteOptions,
    clock: &Arc<ManualClock>,
    hints: &Arc<InProcessHints>,
    ids: Arc<dyn Ids>,
) -> Result<SqliteStore, OpenError> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    SqliteStore::open(options, clock, ids, Arc::clone(hints) as _)
}

impl Opened {
    pub fn in_folder(folder: Arc<TempDir>, clock: Arc<ManualClock>) -> Self {
        let hints = Arc::new(InProcessHints::new(&SHARDS));
        let store = open_in(folder.path(), &clock, &hints).expect("the folder is free");
        Self {
            folder,
            clock,
            hints,
            store: Arc::new(store),
        }
    }

    pub fn fresh() -> Self {
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").expect("a valid time");
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        Self::in_folder(folder, Arc::new(ManualClock::at(noon)))
    }
}

#[async_trait]
impl StoreFactory for Folders {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        Box::new(Opened::fresh())
    }
}

#[async_trait]
impl OpenStore for Opened {
    fn surroundings(&self) -> Surroundings {
        Surroundings::in_process(&self.store, &self.hints, &self.clock)
    }

    async fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore> {
        self.store.close().await;
        let Self { folder, clock, .. } = *self;
        Box::new(Self::in_folder(folder, clock))
    }

    fn claims_end_with_the_process(&self) -> bool {
        true
    }

    async fn index(&self, command: IndexCommand) -> bool {
        match command {
            IndexCommand::Pause => self.store.pause_index(),
            IndexCommand::Resume => self.store.resume_index(),
            IndexCommand::Rebuild => self.store.rebuild_index(),
        }
        true
    }

    fn jump_wall_clock(&self, by: Duration) -> bool {
        self.clock.jump_to(self.clock.now().saturating_add(by));
        true
    }

    fn set_store_clock(&self, to: Timestamp) -> bool {
        self.clock.jump_to(to);
        true
    }
}
