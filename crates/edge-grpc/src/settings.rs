//! What the gRPC edge is set to. The binary fills it from the configuration, which alone has defaults of what operators set;
//! nothing here reads files or the environment.

use std::time::Duration;

use domain::Currency;
use ipnet::IpNet;

/// The settings of the gRPC edge. How many watchers there may be is the hub's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcSettings {
    /// The currency of an order that names none.
    pub default_currency: Currency,
    /// The most bytes of a message; RESOURCE_EXHAUSTED past it.
    pub max_message_bytes: usize,
    /// The most bytes of all messages of one CreateOrders.
    pub max_batch_bytes: usize,
    /// The most bytes that the messages of all calls hold together, small ones not counted; UNAVAILABLE past it.
    pub max_messages_bytes: usize,
    /// The most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Clients that may hold any share of them.
    pub trusted_proxies: Vec<IpNet>,
    /// The most calls of one connection at a time; a client that wants more waits.
    pub max_streams_per_connection: u32,
    /// The most calls at a time that are no streams; UNAVAILABLE past it.
    pub max_calls_in_flight: usize,
    /// The most streams at a time, of all kinds; UNAVAILABLE past it.
    pub max_streams: usize,
    /// The most orders of one intake stream that are under way; the client is not read past it.
    pub intake_window: usize,
    /// The most orders of all intake streams that are with the store at a time; past it the streams take turns. Less than
    /// the store's queue holds, so that many streams are slowed down rather than refused.
    pub intake_in_flight: usize,
    /// How long a call waits for the store where its client gives no deadline; DEADLINE_EXCEEDED after it.
    pub request_deadline: Duration,
    /// How long a CreateOrders may take where its client gives no deadline.
    pub batch_deadline: Duration,
    /// A connection is pinged when nothing came for so long.
    pub keepalive_after: Duration,
    /// A connection without calls is closed after this; clients open another when they need one.
    pub idle_timeout: Duration,
    /// How long a stopping server lets calls end before it cuts them off.
    pub drain_timeout: Duration,
    /// Whether the line that each call leaves in the log is at level info instead of debug. Refused calls are at info
    /// and failed ones at warn in any case.
    pub log_calls: bool,
    /// What operators do not set.
    pub tuning: Tuning,
}

/// Bounds and waits that operators do not set; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The most orders of one CreateOrders.
    pub max_batch_orders: usize,
    /// The most bytes of a call's metadata.
    pub max_metadata_bytes: u32,
    /// The most bytes of the orders of one intake stream that are under way, as they came.
    pub intake_window_bytes: usize,
    /// How long the rest of a message may take that has begun; DEADLINE_EXCEEDED after it.
    pub message_timeout: Duration,
    /// How long a new connection has to say that it speaks HTTP/2.
    pub preface_timeout: Duration,
    /// A ping that was not answered for so long ends the connection.
    pub keepalive_timeout: Duration,
    /// A client that takes nothing of an answer for so long, while something waits for it, is cut off.
    pub write_timeout: Duration,
    /// How often a quiet watcher of many orders gets a fresh cursor.
    pub heartbeat: Duration,
    /// How long a health check waits for a shard.
    pub probe_timeout: Duration,
    /// How often the health is looked at for those who watch it.
    pub probe_interval: Duration,
    /// What `RetryInfo` says.
    pub retry_after: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_batch_orders: 10_000,
            max_metadata_bytes: 16 * 1024,
            intake_window_bytes: 4 * 1024 * 1024,
            message_timeout: Duration::from_secs(10),
            preface_timeout: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(20),
            heartbeat: Duration::from_secs(15),
            probe_timeout: Duration::from_secs(2),
            probe_interval: Duration::from_secs(2),
            retry_after: Duration::from_secs(1),
        }
    }
}
