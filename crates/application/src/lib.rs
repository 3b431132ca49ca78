//! What ordermill does for its callers, one use case a file, and the ports it needs for that.
//!
//! Edges call [`Application`]; workers call the ports. Nothing here knows HTTP, SQL or a file system: adapters
//! implement the [`ports`], the binary wires them together. Dependencies point one way: edges and adapters ->
//! application -> domain.

use std::sync::Arc;

pub mod backoff;
mod caller;
mod dead_letter_reasons;
mod in_flight;
pub mod in_process;
mod list_cursor;
mod named_order;
mod opaque_cursor;
mod place_order;
pub mod ports;
mod read_orders;
mod receipts;
pub mod request_name;
mod steer_order;
pub mod store_health;
pub mod system;
pub mod watch;
mod watch_order;

pub use caller::Caller;
pub use dead_letter_reasons::{DeadLetterReason, DeadLetterReasons};
pub use list_cursor::ListCursor;
pub use named_order::Named;
pub use place_order::{BatchRow, PlaceError, Placed};
pub use read_orders::ReadReceiptError;
pub use receipts::Receipts;
pub use steer_order::SteerError;

use in_flight::InFlightKeys;
use ports::{Clock, Ids, StorePorts};
use store_health::CommitHealth;
use watch::{Hub, WatchSettings, WatchTuning};

/// The use cases. Cheap to clone: all clones share their ports.
#[derive(Clone)]
pub struct Application {
    store: StorePorts,
    receipts: Receipts,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    settings: Settings,
    in_flight: InFlightKeys,
    commits: CommitHealth,
    hub: Hub,
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

impl Application {
    /// The use cases over these ports. Nobody can watch before [`Application::watching`].
    #[must_use]
    pub fn new(
        store: StorePorts,
        receipts: Receipts,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
    ) -> Self {
        let no_hints = Arc::new(in_process::InProcessHints::new(store.feed.shards()));
        Self {
            hub: Hub::new(
                Arc::clone(&store.feed),
                no_hints,
                WatchSettings {
                    max_watchers: 0,
                    tuning: WatchTuning::default(),
                },
            ),
            commits: CommitHealth::new(store.feed.shards()),
            store,
            receipts,
            clock,
            ids,
            settings,
            in_flight: InFlightKeys::default(),
        }
    }

    /// The same use cases, with live watching through `hub`, which is over the same store.
    #[must_use]
    pub fn watching(mut self, hub: Hub) -> Self {
        self.hub = hub;
        self
    }

    /// The same use cases, with health that knows of failed commits: `commits` are those of the ports that the
    /// use cases were given ([`store_health::tracked`]).
    #[must_use]
    pub fn tracking(mut self, commits: CommitHealth) -> Self {
        self.commits = commits;
        self
    }

    /// Live watching. Its owner runs it ([`Hub::run`]).
    #[must_use]
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The clock that decisions are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Where ids and other randomness come from.
    #[must_use]
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.ids
    }

    /// The bound of [`ports::ListQuery::scan_limit`].
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("receipts", &self.receipts)
            .finish_non_exhaustive()
    }
}
