//! The conformance suite against a store with a small window of unclaimed orders, whose start searches few events of the log.
//! So most new orders have a row in the table `jobs`, at once or later.

use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::in_process::InProcessHints;
use application::ports::OrderWriter as _;
use application::system::{ManualClock, SystemIds};
use async_trait::async_trait;
use domain::Timestamp;
use port_conformance::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings};
use tempfile::TempDir;

use crate::opened::{Opened, open_sized, small};

/// Makes stores with a small window, each in a new folder.
struct SmallWindow;

/// A store with a small window.
pub struct Small(pub Opened);

impl Small {
    pub fn fresh() -> Self {
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").expect("a valid time");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::in_folder(Arc::new(folder), Arc::new(ManualClock::at(noon)))
    }

    pub fn in_folder(folder: Arc<TempDir>, clock: Arc<ManualClock>) -> Self {
        let hints = Arc::new(InProcessHints::new(&SHARDS));
        let mut options = small(folder.path());
        options.tuning.unclaimed_window = 5;
        options.tuning.searched_events = 12;
        let store = open_sized(options, &clock, &hints, Arc::new(SystemIds));
        Self(Opened {
            folder,
            clock,
            hints,
            store: Arc::new(store.expect("the folder is free")),
        })
    }
}

#[async_trait]
impl StoreFactory for SmallWindow {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        Box::new(Small::fresh())
    }
}

#[async_trait]
impl OpenStore for Small {
    fn surroundings(&self) -> Surroundings {
        self.0.surroundings()
    }

    async fn pass(&self, duration: Duration) {
        self.0.pass(duration).await;
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenStore> {
        self.0.store.close().await;
        let Opened { folder, clock, .. } = self.0;
        Box::new(Self::in_folder(folder, clock))
    }

    fn claims_end_with_the_process(&self) -> bool {
        true
    }

    async fn index(&self, command: IndexCommand) -> bool {
        self.0.index(command).await
    }

    fn jump_wall_clock(&self, by: Duration) -> bool {
        self.0.jump_wall_clock(by)
    }

    fn set_store_clock(&self, to: Timestamp) -> bool {
        self.0.set_store_clock(to)
    }
}

port_conformance::order_store_suite!(SmallWindow);
