//! What every endpoint of the edge shares: the use cases, the settings, and the tokens that stop it.
//!
//! The binary makes one and passes it to [`crate::serve`]; handlers and live streams share it as [`Edge`]. It holds no
//! order.

use std::sync::Arc;
use std::time::Duration;

use application::health::WorkHealth;
use application::ports::{Deadline, Ids};
use application::watch::Hub;
use application::{Caller, Orders};
use domain::Trace;
use edge_listener::MemoryBudget;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::EdgeSettings;

/// The state as the routers and handlers of a port share it.
pub(crate) type Edge = Arc<EdgeState>;

/// What the endpoints share. Clones share everything.
#[derive(Clone)]
pub struct EdgeState {
    /// The use cases.
    pub orders: Arc<dyn Orders>,
    /// Live watching.
    pub hub: Hub,
    /// Names requests that bring no usable name.
    pub ids: Arc<dyn Ids>,
    /// The bounds and waits.
    pub settings: Arc<EdgeSettings>,
    /// What the process knows of the processing of orders.
    pub work: Arc<dyn WorkHealth>,
    /// Cancelled when the server begins to stop: streams end, nothing new begins. Set by [`crate::serve`].
    pub soft: CancellationToken,
    /// Cancelled when everything that still runs is cut off. Set by [`crate::serve`].
    pub hard: CancellationToken,
    /// Owns every task of the edge, the connections' and the live streams'; [`crate::serve`] waits for them.
    pub tasks: TaskTracker,
    /// What the bodies of all requests may hold.
    pub(crate) bodies: Arc<MemoryBudget>,
    /// What the answers may hold that their clients have not taken, live streams not counted.
    pub(crate) answers: Arc<MemoryBudget>,
    /// The same of live streams, without a limit: the hub bounds what waits for a watcher, and the bytes of a change are
    /// shared by all that watch it. Counted in `answers`, stalled watchers would use up the memory of everyone's answers.
    pub(crate) streams: Arc<MemoryBudget>,
}

impl EdgeState {
    /// The state of a server that is not serving yet.
    #[must_use]
    pub fn new(
        orders: Arc<dyn Orders>,
        hub: Hub,
        ids: Arc<dyn Ids>,
        settings: EdgeSettings,
        work: Arc<dyn WorkHealth>,
    ) -> Self {
        Self {
            orders,
            hub,
            ids,
            bodies: Arc::new(MemoryBudget::of(settings.max_bodies_bytes)),
            answers: Arc::new(MemoryBudget::of(settings.max_answers_bytes)),
            streams: Arc::new(MemoryBudget::of(usize::MAX)),
            settings: Arc::new(settings),
            work,
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}

impl EdgeState {
    /// Bytes of answers, over both ports, that their clients have not taken: never more than
    /// [`EdgeSettings::max_answers_bytes`].
    #[must_use]
    pub fn answer_bytes(&self) -> usize {
        self.answers.reserved()
    }

    /// The caller of a request that has just been read. There are no tokens yet: everyone may do everything.
    pub(crate) fn caller(&self, trace: Trace) -> Caller {
        self.caller_for(trace, self.settings.request_deadline)
    }

    /// A caller that waits at most `timeout` from now.
    pub(crate) fn caller_for(&self, trace: Trace, timeout: Duration) -> Caller {
        Caller::trusted(trace, Deadline::now() + timeout)
    }
}

impl std::fmt::Debug for EdgeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgeState")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
