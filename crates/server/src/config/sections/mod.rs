//! One struct for each section, filled by serde. The defaults and comments are in `ordermill.toml`.

mod store;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::Currency;
use edge_http::{CorsOrigin, HostName, OrdersDialect};
use ipnet::IpNet;
use serde::Deserialize;
use tracing_subscriber::filter::Targets;

use super::types::{
    address, cors_origins, currency, host_names, log_filter, networks, optional_address,
    optional_time, time,
};

pub use store::{Store, StoreKind};
pub use work::{Handler, HandlerKind, Worker};

/// Everything that can be set, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[grpc]`
    pub grpc: Grpc,
    /// `[store]`
    pub store: Store,
    /// `[worker]`
    pub worker: Worker,
    /// `[handler]`
    pub handler: Handler,
    /// `[receipts]`
    pub receipts: Receipts,
    /// `[orders]`
    pub orders: Orders,
    /// `[dialects]`
    pub dialects: Dialects,
    /// `[health]`
    pub health: Health,
    /// `[auth]`
    pub auth: Auth,
    /// `[log]`
    pub log: Log,
    /// `[shutdown]`
    pub shutdown: Shutdown,
}

/// Listeners and their bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// REST, SSE, WebSocket and pages.
    #[serde(deserialize_with = "address")]
    pub addr: SocketAddr,
    /// WebSocket alone.
    #[serde(deserialize_with = "optional_address")]
    pub ws_addr: Option<SocketAddr>,
    /// Names of this server beside those of its machine.
    #[serde(deserialize_with = "host_names")]
    pub allowed_hosts: Vec<HostName>,
    /// Pages of other origins that may use this server.
    #[serde(deserialize_with = "cors_origins")]
    pub cors_origins: Vec<CorsOrigin>,
    /// Networks of the proxies before this server.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at a time.
    pub max_connections: usize,
    /// Requests at a time.
    pub max_in_flight: usize,
    /// Streams at a time.
    pub max_streams: usize,
    /// Bytes of a body.
    pub max_body_bytes: usize,
    /// Bytes of a batch.
    pub max_batch_bytes: usize,
    /// Bytes of all bodies at a time.
    pub max_bodies_bytes: usize,
    /// Bytes of all answers at a time.
    pub max_answers_bytes: usize,
    /// For a request's headers.
    #[serde(deserialize_with = "time")]
    pub idle_timeout: Duration,
    /// For a request's body.
    #[serde(deserialize_with = "time")]
    pub body_timeout: Duration,
    /// For a request in all.
    #[serde(deserialize_with = "time")]
    pub request_timeout: Duration,
}

/// The gRPC listener and its bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// Where it is served; `None` if it is not.
    #[serde(deserialize_with = "optional_address")]
    pub addr: Option<SocketAddr>,
    /// Connections at a time.
    pub max_connections: usize,
    /// Calls of one connection at a time.
    pub max_streams_per_connection: u32,
    /// Calls at a time that are no streams.
    pub max_in_flight: usize,
    /// Streams at a time.
    pub max_streams: usize,
    /// Bytes of a message.
    pub max_message_bytes: usize,
    /// Bytes of a batch.
    pub max_batch_bytes: usize,
    /// Bytes of all messages at a time.
    pub max_messages_bytes: usize,
    /// Orders under way in one intake stream.
    pub intake_window: usize,
    /// For a call whose client gives no deadline.
    #[serde(deserialize_with = "time")]
    pub request_timeout: Duration,
    /// Until a connection without a sign of life is pinged.
    #[serde(deserialize_with = "time")]
    pub keepalive: Duration,
    /// Until a connection without calls is closed.
    #[serde(deserialize_with = "time")]
    pub idle_timeout: Duration,
}

/// Which store of receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptsKind {
    /// In the order store.
    Embedded,
    /// One file an order.
    Folder,
}

/// Where receipts are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    /// Which.
    pub store: ReceiptsKind,
    /// The folder.
    pub folder: Option<PathBuf>,
}

/// What holds for every order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// For an order that names none.
    #[serde(deserialize_with = "currency")]
    pub default_currency: Currency,
}

/// How clients of other order systems are answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialects {
    /// Whose address `POST /orders` is.
    #[serde(with = "OrdersDialectName")]
    pub orders: OrdersDialect,
    /// Whether `/health` is orderflow's.
    pub orderflow: bool,
}

/// How a configuration names a dialect.
#[derive(Deserialize)]
#[serde(remote = "OrdersDialect")]
enum OrdersDialectName {
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "orderSystem")]
    WithoutOrderId,
    #[serde(rename = "order-system")]
    WithOrderId,
}

/// When `/health` is degraded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How long an order may be due; `None`: for ever.
    #[serde(deserialize_with = "optional_time")]
    pub late_after: Option<Duration>,
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Anyone on this machine.
    Loopback,
    /// Anyone who can connect.
    None,
}

/// Who may do what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Which rule.
    pub mode: AuthMode,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is logged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level or filter.
    #[serde(deserialize_with = "log_filter")]
    pub level: Targets,
    /// How.
    pub format: LogFormat,
    /// Whether requests that succeed leave a line at info.
    pub requests: bool,
}

/// How a stop goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// For everything that runs to end.
    #[serde(deserialize_with = "time")]
    pub drain: Duration,
}
