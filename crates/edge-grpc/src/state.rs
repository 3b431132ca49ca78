//! What every method of the edge shares: the use cases, the settings, and the signs to stop.
//!
//! The binary makes one and hands it to [`crate::serve`]; methods and streams borrow it. It holds no order.

use std::sync::Arc;

use application::Orders;
use application::ports::Ids;
use application::watch::Hub;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::room::Room;
use crate::settings::GrpcSettings;

/// What the methods share. Clones share everything.
#[derive(Clone)]
pub struct GrpcEdge {
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) hub: Hub,
    /// Names calls that bring no usable name.
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Arc<GrpcSettings>,
    /// Cancelled when the server begins to stop: streams say goodbye, nothing new begins. Set by [`crate::serve`].
    pub(crate) soft: CancellationToken,
    /// Cancelled when whatever is left is cut off. Set by [`crate::serve`].
    pub(crate) hard: CancellationToken,
    /// Owns every task of the edge, the connections' and the streams'; [`crate::serve`] waits for them.
    pub(crate) tasks: TaskTracker,
    /// What the messages of all calls may hold.
    pub(crate) room: Arc<Room>,
    /// How many more orders of intake streams may be handed to the store.
    pub(crate) turns: Arc<Semaphore>,
}

impl GrpcEdge {
    /// The state of a server that is not serving yet.
    #[must_use]
    pub fn new(
        orders: Arc<dyn Orders>,
        hub: Hub,
        ids: Arc<dyn Ids>,
        settings: GrpcSettings,
    ) -> Self {
        Self {
            orders,
            hub,
            ids,
            room: Arc::new(Room::of(settings.max_messages_bytes)),
            turns: Arc::new(Semaphore::new(settings.intake_in_flight)),
            settings: Arc::new(settings),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}

impl std::fmt::Debug for GrpcEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcEdge")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
