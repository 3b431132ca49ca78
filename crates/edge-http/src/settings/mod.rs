//! What the HTTP edge is set to: every bound and every wait of it, with its default.
//!
//! The binary fills it from the configuration; nothing here reads files or the environment.

mod live;

use std::time::Duration;

use domain::Currency;

pub use live::LiveSettings;

/// Whose address `POST /orders` is, where two dialects lay claim to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrdersDialect {
    /// A body with an `order_id` is Order System's, any other one orderSystem's.
    #[default]
    Auto,
    /// Always orderSystem's, whose orders have no number of the client's: the setting `"orderSystem"`.
    WithoutOrderId,
    /// Always Order System's, whose orders bring theirs: the setting `"order-system"`.
    WithOrderId,
}

/// The settings of the HTTP edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSettings {
    /// The currency of an order that names none. Default USD.
    pub default_currency: Currency,
    /// Whose address `POST /orders` is. Default: told by the body.
    pub orders_dialect: OrdersDialect,
    /// The most bytes of a request body, except a batch's. Default 1 MiB.
    pub max_body_bytes: usize,
    /// The most bytes of a batch. Default 16 MiB.
    pub max_batch_bytes: usize,
    /// The most rows of a batch. Default 10,000.
    pub max_batch_rows: usize,
    /// The most bytes that the bodies of all requests hold together, small ones not counted; 503 with Retry-After past
    /// it. What is made of a body while it is worked on takes several times as much. Default 64 MiB.
    pub max_bodies_bytes: usize,
    /// The most bytes of a request's path and query. Default 8 KiB.
    pub max_uri_bytes: usize,
    /// The most bytes of a request's headers, names and values together. Default 32 KiB.
    pub max_header_bytes: usize,
    /// The most headers of a request. Default 100.
    pub max_headers: usize,
    /// How long a request head may take to arrive; the connection is closed after it. Default 10 s.
    pub header_timeout: Duration,
    /// How long a request body may take to arrive; 408 after it. Default 30 s.
    pub body_timeout: Duration,
    /// How long a connection may be silent in both directions; it is closed after it. Default 75 s.
    pub idle_timeout: Duration,
    /// How long a request waits for the store, once it has been read; 503 after it. Default 10 s.
    pub request_deadline: Duration,
    /// The most connections at a time; further ones wait in the kernel's backlog. Default 10,000.
    pub max_connections: usize,
    /// The most HTTP/2 streams of one connection. Default 100.
    pub max_streams_per_connection: u32,
    /// The most requests at a time (live streams not counted); 503 with Retry-After past it. Default 4,096.
    pub max_requests_in_flight: usize,
    /// What `Retry-After` says where nothing better is known, in whole seconds. Default 1 s.
    pub retry_after: Duration,
    /// How long `/readyz` and `/health` wait for the store. Default 2 s.
    pub probe_timeout: Duration,
    /// The most dead letters that one replay by filter takes. Default 10,000.
    pub max_replayed_at_once: usize,
    /// How long a stopping server lets requests and streams end before it cuts them off. Default 10 s.
    pub drain_timeout: Duration,
    /// Whether the line that each request leaves in the log is at level info instead of debug. Refused requests are
    /// at info and failed ones at warn in any case. Default false.
    pub log_requests: bool,
    /// WebSockets and event streams.
    pub live: LiveSettings,
    /// What `/health` says the version is. Default: the edge's own.
    pub version: String,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            default_currency: Currency::USD,
            orders_dialect: OrdersDialect::default(),
            max_body_bytes: 1024 * 1024,
            max_batch_bytes: 16 * 1024 * 1024,
            max_batch_rows: 10_000,
            max_bodies_bytes: 64 * 1024 * 1024,
            max_uri_bytes: 8 * 1024,
            max_header_bytes: 32 * 1024,
            max_headers: 100,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            request_deadline: Duration::from_secs(10),
            max_connections: 10_000,
            max_streams_per_connection: 100,
            max_requests_in_flight: 4_096,
            retry_after: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(2),
            max_replayed_at_once: 10_000,
            drain_timeout: Duration::from_secs(10),
            log_requests: false,
            live: LiveSettings::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
