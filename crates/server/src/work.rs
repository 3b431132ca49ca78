//! The workers of this process: the handler that the configuration names, the settings of the pool, and their state for
//! `/health` and `/v1/stats`.

use std::sync::Arc;

use adapter_webhook::{ClientCertificate, HttpHandler, HttpHandlerSettings, SettingsError};
use application::Receipts;
use application::health::{Breaker, EndpointState, HandlerState, NoWork, WorkHealth, WorkSnapshot};
use application::ports::{Clock, Ids, OrderHandler};
use outbound_http::Proxies;
use worker::{
    BreakerSettings, BreakerState, EndpointSnapshot, Tuning, Worker, WorkerParts, WorkerSettings,
    WorkerStatus,
};

use crate::config::{self, Config, HandlerKind, Layers};
use crate::store::SupervisedStore;

/// What processes an order.
pub struct Handling {
    /// The handler.
    pub handler: Arc<dyn OrderHandler>,
    /// What becomes of orders by it, for the log of a start.
    pub description: String,
}

/// What processes an order; `None` if it cannot be set up, with the faults in `layers`. Calls nothing.
pub fn handling(config: &Config, clock: Arc<dyn Clock>, layers: &mut Layers) -> Option<Handling> {
    match config.handler.kind {
        HandlerKind::None => Some(Handling {
            handler: Arc::new(worker::NoWork),
            description: "orders count as processed without calling anybody; set handler.kind = \"http\" and handler.url \
                          to have them processed by your endpoint"
                .to_owned(),
        }),
        HandlerKind::Http => match HttpHandler::new(&http_settings(&config.handler), clock) {
            Ok(handler) => Some(Handling {
                description: describe(&config.handler, &handler),
                handler: Arc::new(handler),
            }),
            Err(errors) => {
                for error in errors {
                    layers.refuse(setting_of(&error), &error.to_string());
                }
                None
            }
        },
    }
}

fn http_settings(set: &config::Handler) -> HttpHandlerSettings {
    let client_certificate = set.client_cert.clone().zip(set.client_key.clone());
    HttpHandlerSettings {
        url: set.url.clone().unwrap_or_default(),
        secrets: set.secret.0.clone(),
        headers: set.headers.0.clone(),
        ca_file: set.ca_file.clone(),
        client_certificate: client_certificate.map(|(certificate_file, key_file)| {
            ClientCertificate {
                certificate_file,
                key_file,
            }
        }),
        connect_timeout: set.connect_timeout,
        timeout: set.timeout,
        idle_connections: set.max_in_flight,
        proxies: Proxies::from_environment(),
    }
}

const fn setting_of(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::Url | SettingsError::Proxy(_) => "handler.url",
        SettingsError::Secret | SettingsError::SecretCount => "handler.secret",
        SettingsError::Headers(_) => "handler.headers",
        SettingsError::CaFile(_) => "handler.ca_file",
        SettingsError::ClientCertificate(_) => "handler.client_cert",
        SettingsError::ClientKey(_) => "handler.client_key",
        SettingsError::Client(_) => "handler.kind",
    }
}

/// Where orders go. Shows scheme, host and port of the URL alone: the rest may hold a secret.
fn describe(set: &config::Handler, handler: &HttpHandler) -> String {
    let signed = match set.secret.len() {
        0 => "not signed (set handler.secret)".to_owned(),
        1 => "signed".to_owned(),
        secrets => format!("signed by {secrets} secrets"),
    };
    let (origin, route) = (handler.origin(), handler.route());
    format!("orders are processed by {origin}{route}; calls are {signed}")
}

/// A worker over the store; it claims nothing before it runs.
pub fn worker(
    config: &Config,
    store: &SupervisedStore,
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
        queue: Arc::clone(&store.ports.queue),
        writer: Arc::clone(&store.ports.writer),
        wake_ups: Arc::clone(&store.wake_ups),
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

/// The state of the processing of orders, for `/health` and `/v1/stats`.
pub struct Health {
    /// What the worker calls.
    pub handler: HandlerKind,
    /// `None` if this process has no worker.
    pub status: Option<WorkerStatus>,
}

impl WorkHealth for Health {
    fn snapshot(&self) -> WorkSnapshot {
        let Some(status) = &self.status else {
            return NoWork.snapshot();
        };
        WorkSnapshot {
            handler: match self.handler {
                HandlerKind::None => HandlerState::None,
                HandlerKind::Http => HandlerState::Http(endpoint_state(&status.endpoint())),
            },
            receipts_reachable: status.receipts_reachable(),
        }
    }
}

const fn endpoint_state(endpoint: &EndpointSnapshot) -> EndpointState {
    EndpointState {
        breaker: match endpoint.breaker {
            BreakerState::Closed => Breaker::Closed,
            BreakerState::Open => Breaker::Open,
        },
        since: endpoint.since,
        consecutive_faults: endpoint.consecutive_faults,
        next_probe: endpoint.next_probe,
        busy_pause: endpoint.busy_pause,
    }
}
