//! What the HTTP edge is set to. The binary fills it from the configuration, which alone has defaults of what operators set;
//! nothing here reads files or the environment.

mod browsers;
mod live;

use std::time::Duration;

use domain::Currency;
use ipnet::IpNet;

pub use browsers::{CORS_ORIGIN_EXPECTED, CorsOrigin, HOST_NAME_EXPECTED, HostName};
pub(crate) use browsers::{Origin, bare_host, default_port};
pub use live::LiveTuning;

/// Whose address `POST /orders` is, where two dialects lay claim to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrdersDialect {
    /// A body with an `order_id` is Order System's, any other one orderSystem's.
    Auto,
    /// Always orderSystem's, whose orders have no number of the client's: the setting `"orderSystem"`.
    WithoutOrderId,
    /// Always Order System's, whose orders bring theirs: the setting `"order-system"`.
    WithOrderId,
}

/// The settings of the HTTP edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSettings {
    /// The currency of an order that names none.
    pub default_currency: Currency,
    /// Whose address `POST /orders` is.
    pub orders_dialect: OrdersDialect,
    /// Whether `/health` is orderflow's, with ours in it.
    pub orderflow_health: bool,
    /// The names by which requests may ask for this server, beside those of its own machine. Pages that were loaded under
    /// such a name are this server's own.
    pub allowed_hosts: Vec<HostName>,
    /// Which pages of other origins may use this server.
    pub cors_origins: Vec<CorsOrigin>,
    /// The networks of proxies that stand before this server.
    pub trusted_proxies: Vec<IpNet>,
    /// The most bytes of a request body, except a batch's.
    pub max_body_bytes: usize,
    /// The most bytes of a batch.
    pub max_batch_bytes: usize,
    /// The most bytes that the bodies of all requests hold together, small ones not counted; 503 with Retry-After past
    /// it. What is made of a body while it is worked on takes several times as much.
    pub max_bodies_bytes: usize,
    /// The most bytes that all answers hold together which their clients have not taken; 503 with Retry-After past it.
    pub max_answers_bytes: usize,
    /// A connection that has sent no complete request head for this long, since it was opened or since its last answer, is
    /// closed.
    pub idle_timeout: Duration,
    /// How long a request body may take to arrive; 408 after it.
    pub body_timeout: Duration,
    /// How long a request waits for the store, once it has been read; 503 after it.
    pub request_deadline: Duration,
    /// The most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// The most requests at a time (live streams not counted); 503 with Retry-After past it.
    pub max_requests_in_flight: usize,
    /// How long a stopping server lets requests and streams end before it cuts them off.
    pub drain_timeout: Duration,
    /// Whether the line that each request leaves in the log is at level info instead of debug. Refused requests are
    /// at info and failed ones at warn in any case.
    pub log_requests: bool,
    /// The health is degraded if an order has been due for this long; never for that if there is none.
    pub late_after: Option<Duration>,
    /// What `/health` says the version is.
    pub version: String,
    /// What operators do not set.
    pub tuning: Tuning,
}

/// Bounds and waits that operators do not set; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The most rows of a batch.
    pub max_batch_rows: usize,
    /// The most bytes of a request's path and query.
    pub max_uri_bytes: usize,
    /// The most bytes of a request's headers, names and values together.
    pub max_header_bytes: usize,
    /// The most headers of a request.
    pub max_headers: usize,
    /// A client that takes nothing of an answer for this long is cut off.
    pub write_timeout: Duration,
    /// The most HTTP/2 streams of one connection.
    pub max_streams_per_connection: u32,
    /// What `Retry-After` says where nothing better is known, in whole seconds.
    pub retry_after: Duration,
    /// How long `/readyz`, `/health` and `/v1/stats` wait for a shard.
    pub probe_timeout: Duration,
    /// The most dead letters that one replay by filter takes.
    pub max_replayed_at_once: usize,
    /// WebSockets and event streams.
    pub live: LiveTuning,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_batch_rows: 10_000,
            max_uri_bytes: 8 * 1024,
            max_header_bytes: 32 * 1024,
            max_headers: 100,
            write_timeout: Duration::from_secs(10),
            max_streams_per_connection: 100,
            retry_after: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(2),
            max_replayed_at_once: 10_000,
            live: LiveTuning::default(),
        }
    }
}
