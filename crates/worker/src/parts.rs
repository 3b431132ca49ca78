//! What a worker is built from, and what its services share.

use std::sync::Arc;

use application::Receipts;
use application::ports::{Clock, Ids, OrderHandler, OrderWriter, WakeUps, WorkQueue};
use tokio::sync::Semaphore;

use crate::counters::Counters;
use crate::endpoint::Endpoint;
use crate::lanes::RunningAttempts;
use crate::limiter::Limiter;
use crate::receipt_store_health::ReceiptStoreHealth;
use crate::retry_policy::RetryPolicy;
use crate::settings::WorkerSettings;

/// What a worker is built from.
pub struct WorkerParts {
    /// Where orders are claimed.
    pub queue: Arc<dyn WorkQueue>,
    /// Where outcomes are written, of the same store as `queue`.
    pub writer: Arc<dyn OrderWriter>,
    /// Where hints of due work come from.
    pub wake_ups: Arc<dyn WakeUps>,
    /// The work itself.
    pub handler: Arc<dyn OrderHandler>,
    /// Where receipts are kept.
    pub receipts: Receipts,
    /// Stamps outcomes; measures rates and the circuit breaker's waits.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub ids: Arc<dyn Ids>,
    /// Everything that can be set.
    pub settings: WorkerSettings,
}

/// What the services of all shards share.
pub(crate) struct Shared {
    pub(crate) queue: Arc<dyn WorkQueue>,
    pub(crate) writer: Arc<dyn OrderWriter>,
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) receipts: Receipts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: WorkerSettings,
    pub(crate) counters: Counters,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) receipt_store_health: ReceiptStoreHealth,
    pub(crate) retry_policy: RetryPolicy,
    /// A permit for each attempt that may run, over all shards.
    pub(crate) attempt_permits: Arc<Semaphore>,
    pub(crate) running: RunningAttempts,
}

impl Shared {
    pub(crate) fn new(parts: WorkerParts) -> (Arc<Self>, Arc<dyn WakeUps>) {
        let settings = parts.settings;
        let endpoint = Arc::new(Endpoint::new(settings.breaker, Arc::clone(&parts.clock)));
        let shared = Self {
            queue: parts.queue,
            writer: parts.writer,
            handler: parts.handler,
            receipt_store_health: ReceiptStoreHealth::new(&parts.receipts),
            receipts: parts.receipts,
            counters: Counters::default(),
            limiter: settings
                .max_per_second
                .map(|rate| Limiter::new(rate, Arc::clone(&parts.clock))),
            retry_policy: RetryPolicy::new(
                &settings,
                Arc::clone(&endpoint),
                Arc::clone(&parts.clock),
                parts.ids,
            ),
            endpoint,
            clock: parts.clock,
            attempt_permits: Arc::new(Semaphore::new(settings.max_in_flight.max(1))),
            running: RunningAttempts::default(),
            settings,
        };
        (Arc::new(shared), parts.wake_ups)
    }
}
