//! What live streams are set to.

use std::time::Duration;

/// The settings of WebSockets and event streams. How many there may be is the hub's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// The most topics that one WebSocket watches. Default 1,000.
    pub max_topics: usize,
    /// The most bytes of a client's message. Default 64 KiB.
    pub max_message_bytes: usize,
    /// A WebSocket that was silent for so long is pinged. Default 30 s.
    pub ping_after: Duration,
    /// A WebSocket that was silent for so long, pings unanswered, is closed. Default 75 s.
    pub idle_timeout: Duration,
    /// A client that takes nothing for so long, while something waits for it, is cut. Default 20 s.
    pub write_timeout: Duration,
    /// A client that lags has so long to take what was begun, to learn why it is closed; nothing more is kept for it.
    /// Default 30 s.
    pub lag_grace: Duration,
    /// How long a closing handshake may take. Default 2 s.
    pub close_timeout: Duration,
    /// How often a silent event stream says that it lives. Default 15 s.
    pub heartbeat: Duration,
    /// When clients of event streams are told to come back after a break. Default 2 s.
    pub reconnect_after: Duration,
}

impl Default for LiveSettings {
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
