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
    /// How long a batch is retried before the import stops.
    pub retry_timeout: Duration,
}

/// What the server did with one order.
#[derive(Debug)]
pub enum RowOutcome {
    /// It is new.
    Accepted,
    /// It existed before.
    Existing,
    /// It is refused for good.
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
    /// Sends until every order has an outcome; returns one for each order, in the same order.
    ///
    /// # Errors
    /// If the server does not take the batch within the retry timeout, or refuses it as a whole.
    pub async fn send(&self, orders: &[Ready]) -> anyhow::Result<Vec<RowOutcome>> {
        let mut outcomes: Vec<Option<RowOutcome>> = orders.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..orders.len()).collect();
        let deadline = tokio::time::Instant::now() + self.retry_timeout;
        let mut waits = BACKOFF.waits();
        while !open.is_empty() {
            let (asked_wait, reason) = match self.once(orders, &open).await {
                Ok(answer) => {
                    let unavailable = take_outcomes(answer, &open, &mut outcomes)?;
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
            if tokio::time::Instant::now() + pause > deadline {
                let again = if orders.iter().all(|order| order.is_repeatable) {
                    "Run the same command again: what it took is not taken twice"
                } else {
                    "Some orders have no external id and no key: another run would take them twice"
                };
                anyhow::bail!("the server did not take the rest: {reason}. {again}");
            }
            tokio::time::sleep(pause).await;
        }
        Ok(outcomes.into_iter().flatten().collect())
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

/// Notes the outcomes of an answer; returns the orders to send again.
fn take_outcomes(
    answer: BatchAnswer,
    open: &[usize],
    outcomes: &mut [Option<RowOutcome>],
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
            201 if !row.idempotent_replayed => outcomes[order] = Some(RowOutcome::Accepted),
            200..=299 => outcomes[order] = Some(RowOutcome::Existing),
            408 | 425 | 429 | 500.. => again.push(order),
            status => {
                let mut problem = row.error.unwrap_or_default();
                problem.status = status;
                outcomes[order] = Some(RowOutcome::Refused(problem));
            }
        }
    }
    Ok(again)
}

/// Between half and all of `wait`, so that several importers do not retry at the same moment.
fn jittered(wait: Duration) -> Duration {
    let share = u32::try_from(SystemIds.random() % 512).unwrap_or(0) + 512;
    wait * share / 1024
}
