//! One struct a section. Each is read from the layers by name; its defaults and comments are in `ordermill.toml`.

mod store;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::Currency;
use edge_http::OrdersDialect;
use toml::Value;

use super::layers::Layers;
use super::value::{FromValue, one_of};

pub use store::{ShardMapText, Store, StoreKind};
pub use work::{Handler, HandlerKind, Worker};

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct Http {
    /// REST, SSE, WebSocket and pages.
    pub addr: SocketAddr,
    /// WebSocket alone.
    pub ws_addr: Option<SocketAddr>,
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
    /// For a request's headers.
    pub header_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
    /// For a request in all.
    pub request_timeout: Duration,
}

/// The gRPC listener and its bounds.
#[derive(Debug, Clone)]
pub struct Grpc {
    /// Where it is served; `None` where it is not.
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
    pub request_timeout: Duration,
    /// Until a connection without a sign of life is pinged.
    pub keepalive: Duration,
    /// Until a connection without calls is closed.
    pub idle_timeout: Duration,
}

/// Which store of receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptsKind {
    /// In the order store.
    Embedded,
    /// One file an order.
    Folder,
}

/// Where receipts are kept.
#[derive(Debug, Clone)]
pub struct Receipts {
    /// Which.
    pub store: ReceiptsKind,
    /// The folder.
    pub folder: Option<PathBuf>,
}

/// What holds for every order.
#[derive(Debug, Clone)]
pub struct Orders {
    /// For an order that names none.
    pub default_currency: Currency,
}

/// How clients of other order systems are answered.
#[derive(Debug, Clone)]
pub struct Dialects {
    /// Whose address `POST /orders` is.
    pub orders: OrdersDialect,
    /// Whether `/health` is orderflow's.
    pub orderflow: bool,
}

/// When the server is not well.
#[derive(Debug, Clone)]
pub struct Health {
    /// How long an order may be due; `None`: for ever.
    pub late_after: Option<Duration>,
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Anyone on this machine.
    Loopback,
    /// Anyone who can connect.
    None,
}

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Which rule.
    pub mode: AuthMode,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is logged.
#[derive(Debug, Clone)]
pub struct Log {
    /// A level or filter.
    pub level: String,
    /// How.
    pub format: LogFormat,
    /// Whether requests that succeed leave a line at info.
    pub requests: bool,
}

/// How a stop goes.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// For everything that runs to end.
    pub drain: Duration,
}

impl FromValue for ReceiptsKind {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(
            value,
            &[("embedded", Self::Embedded), ("folder", Self::Folder)],
        )
    }
}

impl FromValue for OrdersDialect {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(
            value,
            &[
                ("auto", Self::Auto),
                ("orderSystem", Self::WithoutOrderId),
                ("order-system", Self::WithOrderId),
            ],
        )
    }
}

impl FromValue for AuthMode {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(value, &[("loopback", Self::Loopback), ("none", Self::None)])
    }
}

impl FromValue for LogFormat {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl FromValue for Currency {
    fn from_value(value: &Value) -> Result<Self, String> {
        Self::parse(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())
    }
}

impl Config {
    /// Reads every section; faults stay in the layers.
    pub(super) fn read(layers: &mut Layers) -> Self {
        Self {
            http: Http::read(layers),
            grpc: Grpc::read(layers),
            store: Store::read(layers),
            worker: Worker::read(layers),
            handler: Handler::read(layers),
            receipts: Receipts {
                store: layers.read("receipts.store"),
                folder: layers.read("receipts.folder"),
            },
            orders: Orders {
                default_currency: layers.read("orders.default_currency"),
            },
            dialects: Dialects {
                orders: layers.read("dialects.orders"),
                orderflow: layers.read("dialects.orderflow"),
            },
            health: Health {
                late_after: layers.read("health.late_after"),
            },
            auth: Auth {
                mode: layers.read("auth.mode"),
            },
            log: Log {
                level: layers.read("log.level"),
                format: layers.read("log.format"),
                requests: layers.read("log.requests"),
            },
            shutdown: Shutdown {
                drain: layers.read("shutdown.drain"),
            },
        }
    }
}

impl Http {
    fn read(layers: &mut Layers) -> Self {
        Self {
            addr: layers.read("http.addr"),
            ws_addr: layers.read("http.ws_addr"),
            max_connections: layers.read("http.max_connections"),
            max_in_flight: layers.read("http.max_in_flight"),
            max_streams: layers.read("http.max_streams"),
            max_body_bytes: layers.read("http.max_body_bytes"),
            max_batch_bytes: layers.read("http.max_batch_bytes"),
            max_bodies_bytes: layers.read("http.max_bodies_bytes"),
            header_timeout: layers.read("http.header_timeout"),
            body_timeout: layers.read("http.body_timeout"),
            request_timeout: layers.read("http.request_timeout"),
        }
    }
}

impl Grpc {
    fn read(layers: &mut Layers) -> Self {
        Self {
            addr: layers.read("grpc.addr"),
            max_connections: layers.read("grpc.max_connections"),
            max_streams_per_connection: layers.read("grpc.max_streams_per_connection"),
            max_in_flight: layers.read("grpc.max_in_flight"),
            max_streams: layers.read("grpc.max_streams"),
            max_message_bytes: layers.read("grpc.max_message_bytes"),
            max_batch_bytes: layers.read("grpc.max_batch_bytes"),
            max_messages_bytes: layers.read("grpc.max_messages_bytes"),
            intake_window: layers.read("grpc.intake_window"),
            request_timeout: layers.read("grpc.request_timeout"),
            keepalive: layers.read("grpc.keepalive"),
            idle_timeout: layers.read("grpc.idle_timeout"),
        }
    }
}
