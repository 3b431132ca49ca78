//! `[worker]` and `[handler]`: how orders are processed, and by what.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::types::{Hidden, secrets, time};

/// How orders are processed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Whether this process does.
    pub enabled: bool,
    /// Orders at a time.
    pub concurrency: usize,
    /// Attempts before the dead letters.
    pub max_attempts: u32,
    /// A worker's hold on an order.
    #[serde(deserialize_with = "time")]
    pub lease: Duration,
    /// The bound of the first wait.
    #[serde(deserialize_with = "time")]
    pub backoff_first: Duration,
    /// The bound of every later wait.
    #[serde(deserialize_with = "time")]
    pub backoff_last: Duration,
    /// How long an order may get only busy answers.
    #[serde(deserialize_with = "time")]
    pub busy_limit: Duration,
    /// Faults in a row that open the breaker.
    pub breaker_faults: u32,
    /// The percentage of recent calls that opens it.
    pub breaker_percent: u32,
    /// How long it stays open before a retry probes.
    #[serde(deserialize_with = "time")]
    pub breaker_open: Duration,
    /// The longest wait between two such probes.
    #[serde(deserialize_with = "time")]
    pub breaker_longest_wait: Duration,
    /// Without an answer for this long, an order that is alone uses attempts.
    #[serde(deserialize_with = "time")]
    pub breaker_grace: Duration,
}

/// Which work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandlerKind {
    /// Nothing but keeping the order.
    None,
    /// A call to the operator's URL.
    Http,
}

/// The work itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// Which.
    pub kind: HandlerKind,
    /// Where orders are sent.
    pub url: Option<String>,
    /// Each signs every call.
    #[serde(deserialize_with = "secrets")]
    pub secret: Hidden<Vec<String>>,
    /// Sent with every call, each `Name: value`.
    pub headers: Hidden<Vec<String>>,
    /// Certificates of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to the endpoint.
    pub client_cert: Option<PathBuf>,
    /// Its private key.
    pub client_key: Option<PathBuf>,
    /// For a connection.
    #[serde(deserialize_with = "time")]
    pub connect_timeout: Duration,
    /// For one call.
    #[serde(deserialize_with = "time")]
    pub timeout: Duration,
    /// Calls at a time.
    pub max_in_flight: usize,
    /// Calls a second; 0 for no limit.
    pub max_per_second: u32,
}
