//! What every method of the edge shares: the use cases, the settings, the budgets, and the tokens that stop it.
//!
//! The binary makes one and hands it to [`crate::serve`]; layers, methods and streams borrow it. It holds no order.

use std::sync::Arc;

use application::Orders;
use application::health::WorkHealth;
use application::ports::Ids;
use application::watch::Hub;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer_memory::AnswerMemory;
use crate::message_memory::MemoryBudget;
use crate::settings::GrpcSettings;

/// What the methods share. Clones share everything.
#[derive(Clone)]
pub struct GrpcEdge {
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) hub: Hub,
    /// Names calls that bring no usable name.
    pub(crate) ids: Arc<dyn Ids>,
    /// What the process knows of the processing of orders.
    pub(crate) work: Arc<dyn WorkHealth>,
    pub(crate) settings: Arc<GrpcSettings>,
    /// Cancelled when the server begins to stop: streams end, nothing new begins. Set by [`crate::serve`].
    pub(crate) soft: CancellationToken,
    /// Cancelled when everything that is left is cut off. Set by [`crate::serve`].
    pub(crate) hard: CancellationToken,
    /// Owns every task of the edge: connections, calls and streams; [`crate::serve`] waits for them.
    pub(crate) tasks: TaskTracker,
    /// The memory of the messages that come in.
    pub(crate) messages: Arc<MemoryBudget>,
    /// The memory of the answers that go out.
    pub(crate) answers: Arc<AnswerMemory>,
    /// One permit for each order of an intake stream that is with the store.
    pub(crate) intake_permits: Arc<Semaphore>,
}

impl GrpcEdge {
    /// The state of a server that is not serving yet.
    #[must_use]
    pub fn new(
        orders: Arc<dyn Orders>,
        hub: Hub,
        ids: Arc<dyn Ids>,
        settings: GrpcSettings,
        work: Arc<dyn WorkHealth>,
    ) -> Self {
        Self {
            orders,
            hub,
            ids,
            work,
            messages: Arc::new(MemoryBudget::new(
                settings.max_messages_bytes,
                settings.max_message_bytes,
            )),
            answers: Arc::new(AnswerMemory::new(settings.tuning.max_answer_bytes)),
            intake_permits: Arc::new(Semaphore::new(settings.intake_in_flight)),
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
