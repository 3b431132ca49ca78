//! What the gRPC edge is set to: every bound and every wait of it, with its default.
//!
//! The binary fills it from the configuration; nothing here reads files or the environment.

use std::time::Duration;

use domain::Currency;

/// The settings of the gRPC edge. How many watchers there may be is the hub's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcSettings {
    /// The currency of an order that names none. Default USD.
    pub default_currency: Currency,
    /// The most bytes of a message; RESOURCE_EXHAUSTED past it. Default 1 MiB.
    pub max_message_bytes: usize,
    /// The most bytes of all messages of one CreateOrders. Default 16 MiB.
    pub max_batch_bytes: usize,
    /// The most orders of one CreateOrders. Default 10,000.
    pub max_batch_orders: usize,
    /// The most bytes that the messages of all calls hold together, small ones not counted; UNAVAILABLE past it.
    /// Default 64 MiB.
    pub max_messages_bytes: usize,
    /// The most bytes of a call's metadata. Default 16 KiB.
    pub max_metadata_bytes: u32,
    /// The most connections at a time; further ones wait in the kernel's backlog. Default 10,000.
    pub max_connections: usize,
    /// The most calls of one connection at a time; a client that wants more waits. Default 256.
    pub max_streams_per_connection: u32,
    /// The most calls at a time that are no streams; UNAVAILABLE past it. Default 4,096.
    pub max_calls_in_flight: usize,
    /// The most streams at a time, of all kinds; UNAVAILABLE past it. Default 8,192.
    pub max_streams: usize,
    /// The most orders of one intake stream that are under way; the client is not read past it. Default 1,024.
    pub intake_window: usize,
    /// The most bytes of those orders, as they came. Default 4 MiB.
    pub intake_window_bytes: usize,
    /// The most orders of all intake streams that are with the store at a time; past it the streams take turns. Less than
    /// the store's queue holds, so that many streams are slowed down rather than refused. Default 2,048.
    pub intake_in_flight: usize,
    /// How long a call waits for the store where its client gives no deadline; DEADLINE_EXCEEDED after it. Default 10 s.
    pub request_deadline: Duration,
    /// How long the rest of a message may take that has begun; DEADLINE_EXCEEDED after it. Default 10 s.
    pub message_timeout: Duration,
    /// How long a CreateOrders may take where its client gives no deadline. Default 30 s.
    pub batch_deadline: Duration,
    /// How long a new connection has to say that it speaks HTTP/2. Default 10 s.
    pub preface_timeout: Duration,
    /// A connection is pinged when nothing came for so long. Default 30 s.
    pub keepalive_after: Duration,
    /// A ping that was not answered for so long ends the connection. Default 20 s.
    pub keepalive_timeout: Duration,
    /// A connection without calls is closed after this; clients open another when they need one. Default 5 min.
    pub idle_timeout: Duration,
    /// A client that takes nothing of an answer for so long, while something waits for it, is cut off. Default 20 s.
    pub write_timeout: Duration,
    /// How often a quiet watcher of many orders gets a fresh cursor. Default 15 s.
    pub heartbeat: Duration,
    /// How long a health check waits for the store. Default 2 s.
    pub probe_timeout: Duration,
    /// How often the health is looked at for those who watch it. Default 2 s.
    pub probe_interval: Duration,
    /// What `RetryInfo` says. Default 1 s.
    pub retry_after: Duration,
    /// How long a stopping server lets calls end before it cuts them off. Default 10 s.
    pub drain_timeout: Duration,
    /// Whether the line that each call leaves in the log is at level info instead of debug. Refused calls are at info
    /// and failed ones at warn in any case. Default false.
    pub log_calls: bool,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            default_currency: Currency::USD,
            max_message_bytes: 1024 * 1024,
            max_batch_bytes: 16 * 1024 * 1024,
            max_batch_orders: 10_000,
            max_messages_bytes: 64 * 1024 * 1024,
            max_metadata_bytes: 16 * 1024,
            max_connections: 10_000,
            max_streams_per_connection: 256,
            max_calls_in_flight: 4_096,
            max_streams: 8_192,
            intake_window: 1_024,
            intake_window_bytes: 4 * 1024 * 1024,
            intake_in_flight: 2_048,
            request_deadline: Duration::from_secs(10),
            message_timeout: Duration::from_secs(10),
            batch_deadline: Duration::from_secs(30),
            preface_timeout: Duration::from_secs(10),
            keepalive_after: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(300),
            write_timeout: Duration::from_secs(20),
            heartbeat: Duration::from_secs(15),
            probe_timeout: Duration::from_secs(2),
            probe_interval: Duration::from_secs(2),
            retry_after: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(10),
            log_calls: false,
        }
    }
}
