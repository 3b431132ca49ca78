//! What the use cases work on: the outbound ports and their settings, complete from the start.

use std::sync::Arc;

use super::in_flight::InFlightKeys;
use crate::ports::{Clock, EventFeed, Ids, OrderReader, OrderWriter, StorePorts, WorkQueue};
use crate::receipts::Receipts;
use crate::store_health::CommitHealth;

/// What [`LocalOrders`] is made of. All fields are of one store.
#[derive(Clone)]
pub struct OrdersDependencies {
    /// The store, whose failed commits are noted in `commits` ([`crate::store_health::tracked`]).
    pub store: StorePorts,
    /// Which shards take commits.
    pub commits: CommitHealth,
    /// Where receipts are kept.
    pub receipts: Receipts,
    /// Stamps decisions, and tells history from the future.
    pub clock: Arc<dyn Clock>,
    /// Makes the ids of new orders.
    pub ids: Arc<dyn Ids>,
    /// The bounds.
    pub settings: Settings,
}

/// What the use cases are set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most orders that one page of a list looks at.
    pub scan_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scan_limit: 10_000 }
    }
}

/// The use cases over the store of this process.
pub struct LocalOrders {
    pub(super) writer: Arc<dyn OrderWriter>,
    pub(super) reader: Arc<dyn OrderReader>,
    pub(super) feed: Arc<dyn EventFeed>,
    /// Asked for the health of its shards only.
    pub(super) queue: Arc<dyn WorkQueue>,
    pub(super) commits: CommitHealth,
    pub(super) receipts: Receipts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) settings: Settings,
    pub(super) in_flight: InFlightKeys,
}

impl LocalOrders {
    /// The use cases over these ports.
    #[must_use]
    pub fn new(dependencies: OrdersDependencies) -> Self {
        let OrdersDependencies {
            store,
            commits,
            receipts,
            clock,
            ids,
            settings,
        } = dependencies;
        Self {
            writer: store.writer,
            reader: store.reader,
            feed: store.feed,
            queue: store.queue,
            commits,
            receipts,
            clock,
            ids,
            settings,
            in_flight: InFlightKeys::default(),
        }
    }
}

impl std::fmt::Debug for LocalOrders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalOrders")
            .field("receipts", &self.receipts)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
