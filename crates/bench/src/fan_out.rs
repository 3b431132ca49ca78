//! Fan-out: 5,000 WebSockets that all watch everything; how much memory one costs, and how many messages a second
//! reach them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Connection, post};
use super::error::{BenchError, Result};
use super::machine::resident_bytes;
use super::server::Server;
use super::socket::Socket;

/// What the sockets saw.
pub(super) struct FanOut {
    pub(super) messages_per_second: f64,
    /// Memory of the server that one idle subscribed socket costs.
    pub(super) bytes_per_socket: f64,
}

/// Orders of one burst; each makes three changes, so a burst stays well within a subscriber's buffer.
const ORDERS_A_BURST: u64 = 100;
const CHANGES_AN_ORDER: u64 = 3;

/// Opens `sockets` sockets and sends `bursts` bursts, each once the last has reached everybody.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub(super) async fn run(server: &Server, sockets: u64, bursts: u64) -> Result<FanOut> {
    let before = resident_bytes(server.pid()?)?;
    let seen = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..sockets {
        let mut socket = Socket::open(&server.address, r#"{"subscribe":{"all":true}}"#).await?;
        let seen = Arc::clone(&seen);
        readers.spawn(async move {
            loop {
                let frames = socket.read(|_| ()).await?;
                seen.fetch_add(frames as u64, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = resident_bytes(server.pid()?)?;
    // A subscription may be answered by a frame of its own, which is no change.
    let greetings = seen.load(Ordering::Relaxed);
    let mut connection = Connection::open(&server.address).await?;
    let mut spent = Duration::ZERO;
    for burst in 1..=bursts {
        let rows: Vec<String> = (0..ORDERS_A_BURST)
            .map(|row| format!(r#"{{"user_id":"watched-{row}","amount":1}}"#))
            .collect();
        let request = post("/v1/orders/batch", "", &format!("[{}]", rows.join(",")));
        let begin = Instant::now();
        let answer = connection.exchange(&request).await?;
        if answer.status != 200 {
            return Err(BenchError::unexpected(format!(
                "a batch was answered {}: {}",
                answer.status,
                String::from_utf8_lossy(answer.body)
            )));
        }
        let expected = greetings + burst * ORDERS_A_BURST * CHANGES_AN_ORDER * sockets;
        while seen.load(Ordering::Relaxed) < expected {
            if let Some(ended) = readers.try_join_next() {
                let result: Result<()> = ended?;
                result?;
            }
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(BenchError::unexpected(format!(
                    "{} of {expected} messages arrived within a minute",
                    seen.load(Ordering::Relaxed)
                )));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        spent += begin.elapsed();
    }
    readers.shutdown().await;
    let messages = bursts * ORDERS_A_BURST * CHANGES_AN_ORDER * sockets;
    Ok(FanOut {
        messages_per_second: messages as f64 / spent.as_secs_f64(),
        bytes_per_socket: after.saturating_sub(before) as f64 / sockets as f64,
    })
}
