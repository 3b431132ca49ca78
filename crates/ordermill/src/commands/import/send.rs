//! Sends orders in batches. A batch that fails for a moment, and rows of it that the server could not take now, are
//! sent again with a growing wait: the external ids make that harmless.

use std::time::Duration;

use anyhow::Context as _;
use application::backoff::Backoff;
use application::ports::Ids as _;
use application::system::SystemIds;
use bytes::Bytes;
use order_import::Ready;
use serde::Deserialize;

use crate::client::{ApiError, Problem, Server};

/// The waits before a batch is sent again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    most: Duration::from_secs(10),
};

/// Sends batches to one server.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The server.
    pub server: Server,
    /// How long a batch is tried before the import stops.
    pub patience: Duration,
}

/// What became of one order.
#[derive(Debug)]
pub enum Verdict {
    /// It is new.
    Accepted,
    /// It was there before.
    Existing,
    /// The server will never take it so.
    Refused(Problem),
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<RowAnswer>,
}

#[derive(Deserialize)]
struct RowAnswer {
    index: usize,
    status: u16,
    #[serde(default)]
    idempotent_replayed: bool,
    #[serde(default)]
    error: Option<Problem>,
}

impl Sender {
    /// Sends until every order has its verdict; one an order, in the same order.
    ///
    /// # Errors
    /// If the server does not take the batch within the patience, or refuses it as a whole.
    pub async fn send(&self, orders: &[Ready]) -> anyhow::Result<Vec<Verdict>> {
        let mut verdicts: Vec<Option<Verdict>> = orders.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..orders.len()).collect();
        let give_up_at = tokio::time::Instant::now() + self.patience;
        let mut waits = BACKOFF.waits();
        while !open.is_empty() {
            let (asked_wait, reason) = match self.once(orders, &open).await {
                Ok(answer) => {
                    let unavailable = take_verdicts(answer, &open, &mut verdicts)?;
                    if unavailable.len() < open.len() {
                        waits.reset();
                    }
                    open = unavailable;
                    (
                        None,
                        "it is overloaded, or its store cannot be reached".to_owned(),
                    )
                }
                Err(error) if error.is_temporary() => (error.retry_after(), error.to_string()),
                Err(error) => return Err(error).context("the server refused the batch as a whole"),
            };
            if open.is_empty() {
                break;
            }
            let pause = asked_wait
                .unwrap_or_default()
                .max(jittered(waits.after_failure()))
                .min(BACKOFF.most);
            if tokio::time::Instant::now() + pause > give_up_at {
                let again = if orders.iter().all(|order| order.is_repeatable) {
                    "Run the same command again: what it took is not taken twice"
                } else {
                    "Some orders have no external id and no key: another run would take them twice"
                };
                anyhow::bail!("the server did not take the rest: {reason}. {again}");
            }
            tokio::time::sleep(pause).await;
        }
        Ok(verdicts.into_iter().flatten().collect())
    }

    async fn once(&self, orders: &[Ready], open: &[usize]) -> Result<BatchAnswer, ApiError> {
        let mut body =
            Vec::with_capacity(open.iter().map(|index| orders[*index].json.len() + 1).sum());
        for index in open {
            body.extend_from_slice(orders[*index].json.as_bytes());
            body.push(b'\n');
        }
        let answer = self.server.post_batch(Bytes::from(body), &[]).await?;
        serde_json::from_slice(&answer.body).map_err(|error| ApiError::Unreachable {
            message: format!("the server's answer to a batch cannot be read: {error}"),
        })
    }
}

/// Sorts the answers; the orders to send again come back.
fn take_verdicts(
    answer: BatchAnswer,
    open: &[usize],
    verdicts: &mut [Option<Verdict>],
) -> anyhow::Result<Vec<usize>> {
    anyhow::ensure!(
        answer.results.len() == open.len()
            && answer.results.iter().all(|row| row.index < open.len()),
        "the server answered {} rows of {}",
        answer.results.len(),
        open.len()
    );
    let mut again = Vec::new();
    for row in answer.results {
        let order = open[row.index];
        match row.status {
            201 if !row.idempotent_replayed => verdicts[order] = Some(Verdict::Accepted),
            200..=299 => verdicts[order] = Some(Verdict::Existing),
            408 | 425 | 429 | 500.. => again.push(order),
            status => {
                let mut problem = row.error.unwrap_or_default();
                problem.status = status;
                verdicts[order] = Some(Verdict::Refused(problem));
            }
        }
    }
    Ok(again)
}

/// Between half and all of `wait`, so that several importers do not come back together.
fn jittered(wait: Duration) -> Duration {
    let share = u32::try_from(SystemIds.random() % 512).unwrap_or(0) + 512;
    wait * share / 1024
}
