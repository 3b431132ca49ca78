//! How tests open the store in memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{Clock, OrderWriter as _};
use application::system::ManualClock;
use async_trait::async_trait;
use domain::Timestamp;

use super::data::Data;
use super::{InMemoryStore, SHARDS};
use crate::order_store::{IndexCommand, OpenStore, StoreFactory, Surroundings};

/// Opens stores in memory, under a clock that is turned by hand.
pub struct InMemory;

#[async_trait]
impl StoreFactory for InMemory {
    async fn fresh(&self) -> Box<dyn OpenStore> {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").expect("a valid time");
        let clock = Arc::new(ManualClock::at(now));
        Box::new(Opened::on(Arc::default(), clock))
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
        let hints = Arc::new(InProcessHints::new(&SHARDS));
        data.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hints
            .push(Arc::clone(&hints));
        let store = Arc::new(InMemoryStore {
            data: Arc::clone(&data),
            clock: Arc::clone(&clock),
            is_closed: Mutex::new(false),
        });
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
