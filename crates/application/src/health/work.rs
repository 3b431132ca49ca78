//! What a process knows of the processing of orders. The binary implements [`WorkHealth`] over its worker; nothing here
//! knows the worker.

use std::time::Duration;

use domain::Timestamp;

/// What the process knows of the processing of orders.
pub trait WorkHealth: Send + Sync + 'static {
    /// The present state. Never blocks.
    fn snapshot(&self) -> WorkSnapshot;
}

/// The state of the processing of orders at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkSnapshot {
    /// What processes orders.
    pub handler: HandlerState,
    /// Whether receipts can be written, as far as is known.
    pub receipts_reachable: bool,
}

/// What processes orders in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerState {
    /// Nothing: another process does it.
    Elsewhere,
    /// Nothing is called, and orders count as processed.
    None,
    /// An endpoint is called over HTTP.
    Http(EndpointState),
}

/// What is known of that endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointState {
    /// Whether calls go through.
    pub breaker: Breaker,
    /// Since when the circuit breaker is in this state.
    pub since: Timestamp,
    /// Faults of the endpoint since it last answered.
    pub consecutive_faults: u32,
    /// How long until the next probe is due, while the circuit breaker is open.
    pub next_probe: Option<Duration>,
    /// How much longer calls pause because the endpoint is busy.
    pub busy_pause: Option<Duration>,
}

/// The state of the circuit breaker in front of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go through.
    Closed,
    /// The endpoint answers nothing: single orders probe it.
    Open,
}

impl Breaker {
    /// Its stable name, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// The state of a process that processes no orders.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWork;

impl WorkHealth for NoWork {
    fn snapshot(&self) -> WorkSnapshot {
        WorkSnapshot {
            handler: HandlerState::Elsewhere,
            receipts_reachable: true,
        }
    }
}
