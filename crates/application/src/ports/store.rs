//! An order store as a whole: its four ports under one name, and each of them apart for those who use it.

use std::sync::Arc;

use super::feed::EventFeed;
use super::queue::WorkQueue;
use super::reader::OrderReader;
use super::writer::OrderWriter;

/// A whole order store: the one place where orders, their keys, events and jobs are durable. Wiring opens one and hands
/// each consumer the port that it uses; the conformance suite checks all of them together.
pub trait OrderStore: OrderWriter + OrderReader + EventFeed + WorkQueue {}

impl<T: OrderWriter + OrderReader + EventFeed + WorkQueue> OrderStore for T {}

/// The ports of one opened store, each for those who use it. A decorator replaces one port and leaves the others.
#[derive(Clone)]
pub struct StorePorts {
    /// For use cases and the worker.
    pub writer: Arc<dyn OrderWriter>,
    /// For use cases.
    pub reader: Arc<dyn OrderReader>,
    /// For live watching, and whatever else follows the events.
    pub feed: Arc<dyn EventFeed>,
    /// For the worker, and for health.
    pub queue: Arc<dyn WorkQueue>,
}

impl StorePorts {
    /// All ports of `store`.
    #[must_use]
    pub fn of(store: &Arc<dyn OrderStore>) -> Self {
        Self {
            writer: Arc::clone(store) as _,
            reader: Arc::clone(store) as _,
            feed: Arc::clone(store) as _,
            queue: Arc::clone(store) as _,
        }
    }
}

impl std::fmt::Debug for StorePorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorePorts")
            .field("shards", &self.feed.shards())
            .finish_non_exhaustive()
    }
}
