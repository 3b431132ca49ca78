//! What a worker is set to. The binary fills it from the configuration, which alone has defaults; nothing here reads one.

use std::time::Duration;

/// The settings of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The most attempts that run at the same time, over all shards.
    pub max_in_flight: usize,
    /// The most calls of the handler begun in a second, over all shards.
    pub max_per_second: Option<u32>,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// With this many attempts behind it an order becomes a dead letter.
    pub max_attempts: u32,
    /// The bound of the first retry's delay; each further one doubles it.
    pub backoff_first: Duration,
    /// The bound of every retry's delay.
    pub backoff_most: Duration,
    /// An order that got only busy answers for this long becomes a dead letter.
    pub busy_limit: Duration,
    /// The longest attempt: a net below the handler's own time-outs.
    pub attempt_timeout: Duration,
    /// After a soft stop, how long running attempts may go on before they are given back.
    pub drain: Duration,
    /// When the circuit breaker opens and how it probes.
    pub breaker: BreakerSettings,
    /// What operators do not set.
    pub tuning: Tuning,
}

/// Bounds and intervals that operators do not set; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The most orders that one claim takes, and one commit of outcomes writes.
    pub batch: usize,
    /// The longest wait that an endpoint may ask for.
    pub retry_after_most: Duration,
    /// The longest wait for the receipt store.
    pub receipt_timeout: Duration,
    /// How often a shard is scanned for due work if no hint arrives.
    pub slow_scan: Duration,
    /// How often lost leases are looked for.
    pub rescue_interval: Duration,
    /// The longest wait for one call to the order store.
    pub store_timeout: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            batch: 512,
            retry_after_most: Duration::from_secs(900),
            receipt_timeout: Duration::from_secs(10),
            slow_scan: Duration::from_secs(1),
            rescue_interval: Duration::from_secs(5),
            store_timeout: Duration::from_secs(10),
        }
    }
}

/// When the circuit breaker opens and how it probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// This many faults of the endpoint without an answer between them open it.
    pub faults_in_a_row: u32,
    /// This many faults among the last hundred calls open it, too.
    pub fault_percent: u32,
    /// How long after opening the first probe by a retry is sent; each further one doubles the wait. Never-tried orders may
    /// probe once a second.
    pub first_probe: Duration,
    /// The longest wait between two probes by retries.
    pub longest_probe: Duration,
    /// After this long without an answer, the only order that is due uses attempts again.
    pub grace: Duration,
}
