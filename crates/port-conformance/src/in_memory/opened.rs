//! How tests open the store in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{Clock, OrderWriter as _};
use application::system::ManualClock;
use async_trait::async_trait;
use domain::{ShardId, Timestamp};

use super::InMemoryStore;
use super::data::Data;
use crate::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings};

const SHARDS: u16 = 2;

/// Opens stores in memory, under a clock that is turned by hand.
pub struct InMemory;

#[async_trait]
impl StoreFactory for InMemory {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").expect("a valid time");
        let clock = Arc::new(ManualClock::at(now));
        let data = Data::new(usize::from(SHARDS));
        Box::new(Opened::on(Arc::new(Mutex::new(data)), clock))
    }
}

struct Opened {
    data: Arc<Mutex<Data>>,
    clock: Arc<ManualClock>,
    hints: Arc<InProcessHints>,
    store: Arc<InMemoryStore>,
}

impl Opened {
    fn on(data: Arc<Mutex<Data>>, clock: Arc<ManualClock>) -> Self {
        let shards: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
        let hints = Arc::new(InProcessHints::new(&shards));
        let store = InMemoryStore::on(Arc::clone(&data), clock.clone(), Arc::clone(&hints));
        let store = Arc::new(store);
        Self {
            data,
            clock,
            hints,
            store,
        }
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
        Box::new(Self::on(self.data, self.clock))
    }

    async fn second(&self) -> Option<Box<dyn OpenStore>> {
        let second = Self::on(Arc::clone(&self.data), Arc::clone(&self.clock));
        Some(Box::new(second))
    }

    fn hints_cross_processes(&self) -> bool {
        true
    }

    async fn index(&self, _command: IndexCommand) -> bool {
        true // There is no index that could be behind.
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
