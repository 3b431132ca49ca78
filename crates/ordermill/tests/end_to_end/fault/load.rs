//! The load, from outside the process under test: clients over HTTP that place, repeat, share keys, send what must be
//! refused, cancel, and retry with the same key whatever they got no answer for, across restarts and processes.
//! It only records; the checker judges.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::facts::{Dice, Facts};
use super::history::{Answer, CancelOutcome, Operation, Outcome, Request};
use crate::server::http_client_builder;

/// Where the processes under test answer at the moment. Shared by everyone who sends requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets(Arc<RwLock<Vec<SocketAddr>>>);

impl Targets {
    /// From now on requests go to these.
    pub(super) fn set(&self, addresses: &[SocketAddr]) {
        *self.0.write().expect("nobody panics with it") = addresses.to_vec();
    }

    /// The address of a client's turn.
    pub(super) fn pick(&self, turn: u64) -> SocketAddr {
        let addresses = self.0.read().expect("nobody panics with it");
        let count = u64::try_from(addresses.len()).expect("a few");
        addresses[usize::try_from(turn % count.max(1)).expect("a few")]
    }
}

/// How a load goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) clients: u64,
    /// Each client waits up to this long between two orders.
    pub(super) pause_most: Duration,
    /// The same seed asks for the same orders.
    pub(super) seed: u64,
}

/// A client gives a request up after this; the servers' own limit is shorter.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(6);

/// After the load was told to end, open requests are retried for this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many acknowledged keys are sent once more at the end.
const REPEATED_AT_THE_END: usize = 150;

/// An HTTP client as the load uses it.
pub(super) fn http_client() -> reqwest::Client {
    let built = http_client_builder()
        .connect_timeout(Duration::from_secs(2))
        .timeout(CLIENT_TIMEOUT)
        .build();
    built.expect("a plain client can be built")
}

/// Sends one order once.
pub(super) async fn place(
    client: &reqwest::Client,
    target: SocketAddr,
    key: Option<&str>,
    body: &str,
) -> Outcome {
    let mut request = client
        .post(format!("http://{target}/v1/orders"))
        .header("content-type", "application/json")
        .body(body.to_owned());
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Outcome::Unknown(format!("{error:?}")),
    };
    let status = answer.status();
    let header = |name: &str| {
        let value = answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let (etag, location) = (header("etag"), header("location"));
    let replayed = header("idempotent-replayed").as_deref() == Some("true");
    let retry_after = header("retry-after");
    let body = match answer.text().await {
        Ok(body) => body,
        Err(error) => return Outcome::Unknown(format!("{status}, then {error:?}")),
    };
    let asks_to_retry = retry_after.is_some()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    if status.is_success() {
        let order: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let order_id = order["id"].as_str().unwrap_or_default().to_owned();
        Outcome::Ok(Answer {
            status: status.as_u16(),
            body,
            etag,
            location,
            replayed,
            order_id,
        })
    } else if status.is_client_error() && !asks_to_retry {
        Outcome::Refused {
            status: status.as_u16(),
            body,
        }
    } else {
        Outcome::Unknown(format!("{status}, Retry-After {retry_after:?}: {body}"))
    }
}

#[derive(Debug)]
struct Shared {
    targets: Targets,
    client: reqwest::Client,
    plan: Plan,
    began: Instant,
    stop: CancellationToken,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
}

impl Shared {
    async fn send(&self, operation: &Operation, body: &str, turn: u64) -> Request {
        let sent = Instant::now();
        let target = self.targets.pick(turn);
        let outcome = place(&self.client, target, operation.key.as_deref(), body).await;
        match &outcome {
            Outcome::Ok(_) => self.acknowledged.fetch_add(1, Ordering::SeqCst),
            Outcome::Unknown(_) => self.unknown.fetch_add(1, Ordering::SeqCst),
            Outcome::Refused { .. } => 0,
        };
        Request {
            sent: sent - self.began,
            took: sent.elapsed(),
            outcome,
        }
    }

    async fn cancel(&self, order_id: &str, turn: u64) -> CancelOutcome {
        let url = format!(
            "http://{}/v1/orders/{order_id}/cancel",
            self.targets.pick(turn)
        );
        match self.client.post(url).send().await {
            Ok(answer) if answer.status().is_success() => CancelOutcome::Cancelled,
            Ok(answer) if answer.status().is_client_error() => {
                CancelOutcome::Refused(answer.status().as_u16())
            }
            Ok(_) | Err(_) => CancelOutcome::Unknown,
        }
    }

    /// One client: order after order, until told to stop.
    async fn client(self: Arc<Self>, number: u64) -> Vec<Operation> {
        let mut dice = Dice::new(self.plan.seed.wrapping_mul(1_000_003).wrapping_add(number));
        let mut operations = Vec::new();
        let pause_most = u64::try_from(self.plan.pause_most.as_millis()).expect("a short pause");
        while !self.stop.is_cancelled() {
            let marker = format!("{}-{number}-{}", self.plan.seed, operations.len());
            operations.push(self.operation(marker, number, &mut dice).await);
            let pause = Duration::from_millis(dice.below(pause_most + 1));
            // Ending early is fine: the loop's condition looks.
            let _ = timeout(pause, self.stop.cancelled()).await;
        }
        operations
    }

    async fn operation(&self, marker: String, number: u64, dice: &mut Dice) -> Operation {
        let facts = Facts::draw(marker, dice);
        let (body, fault) = if dice.below(12) == 0 {
            let (body, fault) = facts.faulty_body(dice);
            (body, Some(fault))
        } else {
            (facts.body(), None)
        };
        let key = (dice.below(8) != 0).then(|| format!("key-{}", facts.marker));
        let mut operation = Operation {
            key,
            facts,
            fault,
            requests: Vec::new(),
            cancel: None,
        };
        let copies = if operation.key.is_some() && dice.below(10) == 0 {
            2 + dice.below(3)
        } else {
            1
        };
        let mut turn = number + dice.below(64);
        let sends = (0..copies).map(|copy| self.send(&operation, &body, turn + copy));
        operation.requests = join_all(sends).await;

        self.retry(&mut operation, &body, &mut turn).await;
        let acknowledged = operation
            .answers()
            .next()
            .map(|answer| answer.order_id.clone());
        if let Some(order_id) = acknowledged {
            if operation.key.is_some() && dice.below(10) == 0 {
                let repeated = self.send(&operation, &body, turn).await;
                operation.requests.push(repeated);
            }
            if dice.below(12) == 0 {
                operation.cancel = Some(self.cancel(&order_id, turn).await);
            }
        }
        operation
    }

    /// Until the answer is certain, where asking again is safe: with a key, or with an external id.
    async fn retry(&self, operation: &mut Operation, body: &str, turn: &mut u64) {
        let is_safe = operation.key.is_some() || operation.facts.external_id.is_some();
        let mut told_to_stop = None;
        while is_safe && operation.answers().next().is_none() && operation.refusal().is_none() {
            if self.stop.is_cancelled() {
                let since: Instant = *told_to_stop.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return;
                }
            }
            sleep(Duration::from_millis(100)).await;
            *turn += 1;
            let again = self.send(operation, body, *turn).await;
            operation.requests.push(again);
        }
    }
}

/// A running load. It ends with [`Load::finish`]; dropping it ends it at once.
#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<Vec<Operation>>,
}

impl Load {
    /// Sets the clients going.
    pub(super) fn start(targets: &Targets, plan: Plan, began: Instant) -> Self {
        let shared = Arc::new(Shared {
            targets: targets.clone(),
            client: http_client(),
            plan,
            began,
            stop: CancellationToken::new(),
            acknowledged: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        });
        let mut clients = JoinSet::new();
        for number in 0..plan.clients {
            clients.spawn(Arc::clone(&shared).client(number));
        }
        Self { shared, clients }
    }

    /// How many requests were acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// How many requests have an unknown outcome so far.
    pub(super) fn unknown(&self) -> u64 {
        self.shared.unknown.load(Ordering::SeqCst)
    }

    /// Waits for that many more acknowledgements.
    pub(super) async fn acknowledge(&self, more: u64, at_most: Duration) {
        let enough = self.acknowledged() + more;
        let deadline = Instant::now() + at_most;
        while self.acknowledged() < enough {
            let missing = enough - self.acknowledged();
            assert!(
                Instant::now() < deadline,
                "{missing} of {more} acknowledgements did not come within {at_most:?}"
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Asks for nothing new, retries what is open, and sends some acknowledged orders once more.
    pub(super) async fn finish(mut self) -> Vec<Operation> {
        self.shared.stop.cancel();
        let mut operations = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            operations.append(&mut ended.expect("a client does not panic"));
        }
        let step = (operations.len() / REPEATED_AT_THE_END).max(1);
        for (turn, operation) in operations.iter_mut().step_by(step).enumerate() {
            if operation.key.is_some() && operation.answers().next().is_some() {
                let body = operation.facts.body();
                let turn = u64::try_from(turn).expect("a few");
                let repeated = self.shared.send(operation, &body, turn).await;
                operation.requests.push(repeated);
            }
        }
        operations
    }
}
