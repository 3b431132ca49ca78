//! What a worker is set to. The binary fills it from the configuration; nothing here reads one.

use std::time::Duration;

/// The settings of a worker. [`WorkerSettings::default`] is what an operator gets who sets nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The most attempts that run at the same time, over all shards.
    pub max_in_flight: usize,
    /// The most attempts begun in a second, over all shards.
    pub max_per_second: Option<u32>,
    /// The most orders that one claim takes, and one commit of outcomes writes.
    pub batch: usize,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// With so many attempts behind it an order becomes a dead letter.
    pub max_attempts: u32,
    /// The bound of the first retry's delay; each further one doubles it.
    pub backoff_first: Duration,
    /// The bound of every retry's delay.
    pub backoff_most: Duration,
    /// The longest wait that an endpoint may ask for.
    pub retry_after_most: Duration,
    /// The longest attempt: a net below the handler's own time-outs.
    pub attempt_timeout: Duration,
    /// The longest wait for a receipt store of its own.
    pub receipt_timeout: Duration,
    /// How often a shard is looked at where no hint arrives.
    pub slow_scan: Duration,
    /// How often lost leases are looked for.
    pub rescue_interval: Duration,
    /// The longest wait for one call to the order store.
    pub store_timeout: Duration,
    /// After a soft stop, how long running attempts may go on before they are given back.
    pub drain: Duration,
    /// When the circuit breaker opens and how it probes.
    pub breaker: BreakerSettings,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            max_per_second: None,
            batch: 512,
            lease: Duration::from_secs(30),
            max_attempts: 8,
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(300),
            retry_after_most: Duration::from_secs(900),
            attempt_timeout: Duration::from_secs(60),
            receipt_timeout: Duration::from_secs(10),
            slow_scan: Duration::from_secs(1),
            rescue_interval: Duration::from_secs(5),
            store_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(20),
            breaker: BreakerSettings::default(),
        }
    }
}

/// When the circuit breaker opens and how it probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many faults of the endpoint without a success between them open it.
    pub faults_in_a_row: u32,
    /// So many faults of the endpoint among a hundred recent calls open it, too.
    pub fault_percent: u32,
    /// How long after opening the first probe is sent; each failed one doubles the wait.
    pub first_probe: Duration,
    /// The longest wait between two probes.
    pub longest_probe: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            faults_in_a_row: 5,
            fault_percent: 50,
            first_probe: Duration::from_secs(1),
            longest_probe: Duration::from_secs(30),
        }
    }
}
