//! One struct a section. Each is read from the layers by name; its defaults and comments are in `ordermill.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::Currency;
use edge_http::OrdersDialect;
use toml::Value;

use super::layers::Layers;
use super::value::{FromValue, one_of};

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

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder on this machine.
    Sqlite,
    /// One or several databases.
    Postgres,
}

/// Where orders are durable.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which one.
    pub kind: StoreKind,
    /// The embedded store's folder.
    pub data_dir: PathBuf,
    /// Connection strings, one a shard. Secret.
    pub shards: Vec<String>,
    /// Which shard owns which users.
    pub map: ShardMapText,
    /// Connections a shard for reads.
    pub pool: usize,
    /// How long a start waits for a shard.
    pub connect_timeout: Duration,
    /// Decisions that may wait.
    pub queue: usize,
    /// Decisions in one commit.
    pub batch: usize,
}

/// How `store.map` names a shard map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardMapText {
    /// Evenly.
    Spread,
    /// A-M first, all others second.
    Letter,
    /// Stretches of buckets: the first, the last and the shard of each.
    Ranges(Vec<(u16, u16, u16)>),
}

impl FromValue for ShardMapText {
    fn from_value(value: &Value) -> Result<Self, String> {
        let wrong = "must be \"spread\", \"letter\", or stretches of the 4096 buckets with their shards, such as \"ranges:0-2047=0,2048-4095=1\"";
        let text = value.as_str().ok_or(wrong)?;
        match text {
            "spread" => return Ok(Self::Spread),
            "letter" => return Ok(Self::Letter),
            _ => {}
        }
        let range = |range: &str| {
            let (buckets, shard) = range.trim().split_once('=')?;
            let (first, last) = buckets.split_once('-')?;
            Some((
                first.trim().parse().ok()?,
                last.trim().parse().ok()?,
                shard.trim().parse().ok()?,
            ))
        };
        text.strip_prefix("ranges:")
            .and_then(|ranges| ranges.split(',').map(range).collect::<Option<Vec<_>>>())
            .map(Self::Ranges)
            .ok_or_else(|| wrong.to_owned())
    }
}

/// How orders are worked off.
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
    /// Faults in a row that open the breaker.
    pub breaker_faults: u32,
    /// How long it stays open before a probe.
    pub breaker_open: Duration,
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
    /// Signs calls. Secret.
    pub secret: Option<String>,
    /// For one call.
    pub timeout: Duration,
    /// Calls at a time.
    pub max_in_flight: usize,
    /// Calls a second; 0 for no limit.
    pub max_per_second: u32,
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
}

/// How a stop goes.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// For everything that runs to end.
    pub drain: Duration,
}

impl FromValue for StoreKind {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(
            value,
            &[("sqlite", Self::Sqlite), ("postgres", Self::Postgres)],
        )
    }
}

impl FromValue for HandlerKind {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(value, &[("none", Self::None), ("http", Self::Http)])
    }
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
            },
            auth: Auth {
                mode: layers.read("auth.mode"),
            },
            log: Log {
                level: layers.read("log.level"),
                format: layers.read("log.format"),
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

impl Store {
    fn read(layers: &mut Layers) -> Self {
        Self {
            kind: layers.read("store.kind"),
            data_dir: layers.read("store.data_dir"),
            shards: layers.read("store.shards"),
            map: layers.read("store.map"),
            pool: layers.read("store.pool"),
            connect_timeout: layers.read("store.connect_timeout"),
            queue: layers.read("store.queue"),
            batch: layers.read("store.batch"),
        }
    }
}

impl Worker {
    fn read(layers: &mut Layers) -> Self {
        Self {
            enabled: layers.read("worker.enabled"),
            concurrency: layers.read("worker.concurrency"),
            max_attempts: layers.read("worker.max_attempts"),
            lease: layers.read("worker.lease"),
            backoff_first: layers.read("worker.backoff_first"),
            backoff_last: layers.read("worker.backoff_last"),
            breaker_faults: layers.read("worker.breaker_faults"),
            breaker_open: layers.read("worker.breaker_open"),
        }
    }
}

impl Handler {
    fn read(layers: &mut Layers) -> Self {
        Self {
            kind: layers.read("handler.kind"),
            url: layers.read("handler.url"),
            secret: layers.read("handler.secret"),
            timeout: layers.read("handler.timeout"),
            max_in_flight: layers.read("handler.max_in_flight"),
            max_per_second: layers.read("handler.max_per_second"),
        }
    }
}
