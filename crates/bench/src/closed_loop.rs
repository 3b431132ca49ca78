//! Closed-loop load: a fixed number of connections, each sending its next request when the last is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Connection;
use super::error::{BenchError, Result};

/// What a load did.
pub(super) struct Load {
    pub(super) per_second: f64,
    /// Microseconds from sending to the answer.
    pub(super) latency: Histogram<u64>,
}

/// Makes the request of a number; numbers never come twice in a load.
pub(super) type MakeRequest = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// How long a load warms up, and how long it is measured.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) warm_up: Duration,
    pub(super) measured: Duration,
}

/// Sends requests over `connections` connections; each answer must have `expected_status`.
pub(super) async fn run(
    address: &str,
    connections: usize,
    span: Span,
    expected_status: u16,
    make_request: MakeRequest,
) -> Result<Load> {
    let numbers = Arc::new(AtomicU64::new(0));
    let stopped = Arc::new(AtomicBool::new(false));
    let begin = Instant::now() + span.warm_up;
    let end = begin + span.measured;
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(address).await?;
        let (numbers, stopped, make_request) = (
            Arc::clone(&numbers),
            Arc::clone(&stopped),
            Arc::clone(&make_request),
        );
        tasks.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            let mut request = Vec::with_capacity(512);
            while !stopped.load(Ordering::Relaxed) {
                request.clear();
                make_request(numbers.fetch_add(1, Ordering::Relaxed), &mut request);
                let sent = Instant::now();
                let answer = connection.exchange(&request).await?;
                if answer.status != expected_status {
                    let text = String::from_utf8_lossy(answer.body);
                    return Err(BenchError::unexpected(format!(
                        "answered {} instead of {expected_status}: {text}",
                        answer.status
                    )));
                }
                let answered = Instant::now();
                if sent >= begin && answered <= end {
                    latency
                        .record(u64::try_from((answered - sent).as_micros()).unwrap_or(u64::MAX))?;
                }
            }
            Ok(latency)
        });
    }
    tokio::time::sleep_until(end).await;
    stopped.store(true, Ordering::Relaxed);
    let mut latency = Histogram::<u64>::new(3)?;
    while let Some(finished) = tasks.join_next().await {
        latency.add(finished??)?;
    }
    Ok(Load {
        per_second: rate(latency.len(), span),
        latency,
    })
}

/// So many in the measured time of a span, a second.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a few seconds are far below 2^52"
)]
pub(super) fn rate(count: u64, span: Span) -> f64 {
    count as f64 / span.measured.as_secs_f64()
}
