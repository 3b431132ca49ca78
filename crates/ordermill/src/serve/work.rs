//! The workers of this process: the handler that the configuration names, the settings of the pool, and the state of the
//! circuit breaker for the health page.

use std::sync::Arc;

use adapter_webhook::{HttpHandler, HttpHandlerSettings, SettingsError};
use application::Receipts;
use application::ports::{Clock, Ids, OrderHandler};
use edge_http::{Breaker, WorkHealth};
use worker::{
    BreakerSettings, BreakerState, Tuning, Worker, WorkerParts, WorkerSettings, WorkerStatus,
};

use super::store::OpenStore;
use crate::config::{Config, HandlerKind, Layers};

/// The work of an order; `None` if it cannot be set up, with the fault in `layers`. Calls nothing.
pub fn handler(
    config: &Config,
    clock: Arc<dyn Clock>,
    layers: &mut Layers,
) -> Option<Arc<dyn OrderHandler>> {
    let set = &config.handler;
    match set.kind {
        HandlerKind::None => Some(Arc::new(worker::NoWork)),
        HandlerKind::Http => {
            let settings = HttpHandlerSettings {
                url: set.url.clone().unwrap_or_default(),
                secret: set.secret.clone(),
                timeout: set.timeout,
                idle_connections: set.max_in_flight,
                ..HttpHandlerSettings::default()
            };
            match HttpHandler::new(&settings, clock) {
                Ok(handler) => Some(Arc::new(handler)),
                Err(error) => {
                    let setting = match &error {
                        SettingsError::Url => "handler.url",
                        SettingsError::Secret => "handler.secret",
                        SettingsError::Client(_) => "handler.kind",
                    };
                    layers.refuse(setting, &error.to_string());
                    None
                }
            }
        }
    }
}

/// A worker over the store; it claims nothing before it runs.
pub fn worker(
    config: &Config,
    store: &OpenStore,
    handler: Arc<dyn OrderHandler>,
    receipts: Receipts,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Worker {
    let tuning = Tuning::default();
    let set = &config.worker;
    let rate = config.handler.max_per_second;
    let is_http = config.handler.kind == HandlerKind::Http;
    Worker::new(WorkerParts {
        store: Arc::clone(&store.store),
        dispatch: Arc::clone(&store.dispatch),
        handler,
        receipts,
        clock,
        ids,
        settings: WorkerSettings {
            max_in_flight: if is_http {
                config.handler.max_in_flight
            } else {
                set.concurrency
            },
            max_per_second: (is_http && rate > 0).then_some(rate),
            lease: set.lease,
            max_attempts: set.max_attempts,
            backoff_first: set.backoff_first,
            backoff_most: set.backoff_last,
            // A net below the handler's own time-out, which also covers reading the answer.
            attempt_timeout: config.handler.timeout * 2 + tuning.receipt_timeout,
            drain: config.shutdown.drain,
            busy_limit: set.busy_limit,
            breaker: BreakerSettings {
                faults_in_a_row: set.breaker_faults,
                fault_percent: set.breaker_percent,
                first_probe: set.breaker_open,
                longest_probe: set.breaker_longest_wait,
                grace: set.breaker_grace,
            },
            tuning,
        },
    })
}

/// The state of the work, for the health page.
pub struct Health {
    /// `None` if this process has no worker, or its handler calls nothing.
    pub status: Option<WorkerStatus>,
}

impl WorkHealth for Health {
    fn breaker(&self) -> Breaker {
        match &self.status {
            None => Breaker::Absent,
            Some(status) => match status.endpoint().breaker {
                BreakerState::Closed => Breaker::Closed,
                BreakerState::Open => Breaker::Open,
            },
        }
    }
}
