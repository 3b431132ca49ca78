//! What a worker is built from, and what its services share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use application::Receipts;
use application::ports::{Clock, Dispatch, Ids, OrderHandler, OrderStore};
use tokio::sync::Semaphore;

use crate::breaker::Breaker;
use crate::limiter::Limiter;
use crate::receipt_gate::ReceiptGate;
use crate::settings::WorkerSettings;
use crate::tally::Tally;
use crate::verdict::Judge;

/// What a worker is built from.
pub struct WorkerParts {
    /// Where orders are claimed and outcomes are written.
    pub store: Arc<dyn OrderStore>,
    /// Where hints of due work come from.
    pub dispatch: Arc<dyn Dispatch>,
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
    pub(crate) store: Arc<dyn OrderStore>,
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) receipts: Receipts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: WorkerSettings,
    pub(crate) tally: Tally,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) receipt_gate: ReceiptGate,
    pub(crate) judge: Judge,
    /// A permit for each attempt that may run, over all shards.
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) running: Running,
}

/// How many attempts run: fewer than permits are taken, while orders are claimed or one of them runs alone.
#[derive(Default)]
pub(crate) struct Running(AtomicUsize);

/// An attempt that runs, until it is dropped.
pub(crate) struct RunningAttempt<'a>(&'a Running);

impl Running {
    pub(crate) fn begin(&self) -> RunningAttempt<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        RunningAttempt(self)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for RunningAttempt<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(parts: WorkerParts) -> (Arc<Self>, Arc<dyn Dispatch>) {
        let settings = parts.settings;
        let breaker = Arc::new(Breaker::new(settings.breaker, Arc::clone(&parts.clock)));
        let shared = Self {
            store: parts.store,
            handler: parts.handler,
            receipt_gate: ReceiptGate::new(&parts.receipts, Arc::clone(&parts.clock)),
            receipts: parts.receipts,
            tally: Tally::default(),
            limiter: settings
                .max_per_second
                .map(|rate| Limiter::new(rate, Arc::clone(&parts.clock))),
            judge: Judge::new(
                &settings,
                Arc::clone(&breaker),
                Arc::clone(&parts.clock),
                parts.ids,
            ),
            breaker,
            clock: parts.clock,
            in_flight: Arc::new(Semaphore::new(settings.max_in_flight.max(1))),
            running: Running::default(),
            settings,
        };
        (Arc::new(shared), parts.dispatch)
    }
}
