//! `[worker]` and `[handler]`: how orders are processed, and by what.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::config::layers::Layers;
use crate::config::value::{FromValue, OneOrMore, one_of};

/// How orders are processed.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Whether this process does.
    pub enabled: bool,
    /// Orders at a time.
    pub concurrency: usize,
    /// Attempts before the dead letters.
    pub max_attempts: u32,
    /// A worker's hold on an order.
    pub lease: Duration,
    /// The bound of the first wait.
    pub backoff_first: Duration,
    /// The bound of every later wait.
    pub backoff_last: Duration,
    /// How long an order may get only busy answers.
    pub busy_limit: Duration,
    /// Faults in a row that open the breaker.
    pub breaker_faults: u32,
    /// The percentage of recent calls that opens it.
    pub breaker_percent: u32,
    /// How long it stays open before a retry probes.
    pub breaker_open: Duration,
    /// The longest wait between two such probes.
    pub breaker_longest_wait: Duration,
    /// Without an answer for this long, an order that is alone uses attempts.
    pub breaker_grace: Duration,
}

/// Which work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerKind {
    /// Nothing but keeping the order.
    None,
    /// A call to the operator's URL.
    Http,
}

/// The work itself.
#[derive(Debug, Clone)]
pub struct Handler {
    /// Which.
    pub kind: HandlerKind,
    /// Where orders are sent.
    pub url: Option<String>,
    /// Each signs every call. Secret.
    pub secret: OneOrMore,
    /// Sent with every call, each `Name: value`. Secret.
    pub headers: Vec<String>,
    /// Certificates of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to the endpoint.
    pub client_cert: Option<PathBuf>,
    /// Its private key.
    pub client_key: Option<PathBuf>,
    /// For a connection.
    pub connect_timeout: Duration,
    /// For one call.
    pub timeout: Duration,
    /// Calls at a time.
    pub max_in_flight: usize,
    /// Calls a second; 0 for no limit.
    pub max_per_second: u32,
}

impl FromValue for HandlerKind {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(value, &[("none", Self::None), ("http", Self::Http)])
    }
}

impl Worker {
    pub(super) fn read(layers: &mut Layers) -> Self {
        Self {
            enabled: layers.read("worker.enabled"),
            concurrency: layers.read("worker.concurrency"),
            max_attempts: layers.read("worker.max_attempts"),
            lease: layers.read("worker.lease"),
            backoff_first: layers.read("worker.backoff_first"),
            backoff_last: layers.read("worker.backoff_last"),
            busy_limit: layers.read("worker.busy_limit"),
            breaker_faults: layers.read("worker.breaker_faults"),
            breaker_percent: layers.read("worker.breaker_percent"),
            breaker_open: layers.read("worker.breaker_open"),
            breaker_longest_wait: layers.read("worker.breaker_longest_wait"),
            breaker_grace: layers.read("worker.breaker_grace"),
        }
    }
}

impl Handler {
    pub(super) fn read(layers: &mut Layers) -> Self {
        Self {
            kind: layers.read("handler.kind"),
            url: layers.read("handler.url"),
            secret: layers.read("handler.secret"),
            headers: layers.read("handler.headers"),
            ca_file: layers.read("handler.ca_file"),
            client_cert: layers.read("handler.client_cert"),
            client_key: layers.read("handler.client_key"),
            connect_timeout: layers.read("handler.connect_timeout"),
            timeout: layers.read("handler.timeout"),
            max_in_flight: layers.read("handler.max_in_flight"),
            max_per_second: layers.read("handler.max_per_second"),
        }
    }
}
