//! Bounds and waits of live streams that operators do not set.

use std::time::Duration;

/// Bounds and waits of WebSockets and event streams that operators do not set. How many there may be is the hub's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTuning {
    /// The most topics that one WebSocket watches.
    pub max_topics: usize,
    /// The most bytes of a client's message.
    pub max_message_bytes: usize,
    /// A WebSocket that was silent for so long is pinged.
    pub ping_after: Duration,
    /// A WebSocket that was silent for so long, pings unanswered, is closed.
    pub idle_timeout: Duration,
    /// A client that takes nothing for so long, while something waits for it, is cut.
    pub write_timeout: Duration,
    /// A client that lags has so long to take what was begun, to learn why it is closed; nothing more is kept for it.
    pub lag_grace: Duration,
    /// How long a closing handshake may take.
    pub close_timeout: Duration,
    /// How often a silent event stream says that it lives.
    pub heartbeat: Duration,
    /// When clients of event streams are told to come back after a break.
    pub reconnect_after: Duration,
}

impl Default for LiveTuning {
    fn default() -> Self {
        Self {
            max_topics: 1_000,
            max_message_bytes: 64 * 1024,
            ping_after: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(20),
            lag_grace: Duration::from_secs(30),
            close_timeout: Duration::from_secs(2),
            heartbeat: Duration::from_secs(15),
            reconnect_after: Duration::from_secs(2),
        }
    }
}
