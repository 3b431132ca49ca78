//! Reads everything back through /v1 once the faults are over: every order by the list and by its id, its events, its
//! receipt, the dead letters and the counts. It decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

/// An order as /v1 shows it. Amounts stay texts: they are compared digit by digit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OrderView {
    pub(super) id: String,
    pub(super) external_id: Option<String>,
    pub(super) user_id: String,
    pub(super) source: String,
    pub(super) status: String,
    pub(super) version: u64,
    pub(super) currency: String,
    pub(super) amount: Box<RawValue>,
    pub(super) lines: Vec<LineView>,
    pub(super) adjustments: Vec<AdjustmentView>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) failure: Option<FailureView>,
    pub(super) result: Option<serde_json::Value>,
    pub(super) created_at: String,
}

/// A line of an [`OrderView`].
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LineView {
    pub(super) sku: Option<String>,
    pub(super) product_name: String,
    pub(super) quantity: Box<RawValue>,
    pub(super) unit_price: Option<Box<RawValue>>,
    pub(super) total: Box<RawValue>,
}

/// An adjustment of an [`OrderView`].
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AdjustmentView {
    pub(super) kind: String,
    pub(super) label: Option<String>,
    pub(super) amount: Box<RawValue>,
    pub(super) included: bool,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FailureView {
    pub(super) code: String,
}

/// An event as /v1 shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventView {
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) version: u64,
    pub(super) status: String,
    /// What kind of event it is about.
    pub(super) data: EventData,
}

/// What an event carries beside its envelope, as far as it is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct EventData {
    pub(super) failure: Option<FailureView>,
}

/// The counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Stats {
    pub(super) accepted: u64,
    pub(super) processed: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    pub(super) in_flight: u64,
    pub(super) by_status: BTreeMap<String, u64>,
}

/// One order with all that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) order: OrderView,
    pub(super) events: Vec<EventView>,
    pub(super) receipt: Option<String>,
}

/// All that is there.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadBack {
    /// By id, as read one by one.
    pub(super) kept: HashMap<String, Kept>,
    /// The ids that the list showed, as often as it showed them.
    pub(super) listed: Vec<String>,
    /// The ids among the dead letters.
    pub(super) dead_letters: BTreeSet<String>,
    pub(super) stats: Stats,
}

#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// How many orders are read at the same time.
const READERS: usize = 16;

/// Reads from one process.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    client: reqwest::Client,
    base: String,
}

impl Reader {
    pub(super) fn new(client: reqwest::Client, address: SocketAddr) -> Self {
        Self {
            client,
            base: format!("http://{address}"),
        }
    }

    /// The body of a 200, `None` for a 404.
    async fn text(&self, path: &str) -> Option<String> {
        // After a fault the first connection of a pool may be a broken one: asking twice is no pardon for the server.
        let mut attempt = 0;
        let answer = loop {
            attempt += 1;
            match self.client.get(format!("{}{path}", self.base)).send().await {
                Ok(answer) if answer.status() != 503 => break answer,
                last if attempt == 20 => break last.expect("reading back reaches the server"),
                Ok(_) | Err(_) => sleep(Duration::from_millis(250)).await,
            }
        };
        let status = answer.status();
        let body = answer.text().await.expect("an answer is read to its end");
        match status.as_u16() {
            200 => Some(body),
            404 => None,
            _ => panic!("reading {path} back: {status}: {body}"),
        }
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let text = self.text(path).await?;
        match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => panic!("reading {path} back: {error} in {text}"),
        }
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str, limit: usize) -> Option<Vec<T>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let cursor_part = cursor
                .map(|cursor| format!("&cursor={cursor}"))
                .unwrap_or_default();
            let page: Page<T> = self
                .json(&format!("{path}?limit={limit}{cursor_part}"))
                .await?;
            all.extend(page.data);
            if !page.has_more {
                return Some(all);
            }
            cursor = Some(
                page.next_cursor
                    .expect("a page with more says where it goes on"),
            );
        }
    }

    /// The counts.
    pub(super) async fn stats(&self) -> Stats {
        self.json("/v1/stats")
            .await
            .expect("the counts are always there")
    }

    /// Waits until nothing is in flight any more, at most as long as given; says whether it came to that.
    pub(super) async fn settle(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            if self.stats().await.in_flight == 0 {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The status of one order, asked for once; `None` where the process does not answer.
    pub(super) async fn stands(&self, id: &str) -> Option<String> {
        let answer = self
            .client
            .get(format!("{}/v1/orders/{id}", self.base))
            .send()
            .await
            .ok()?;
        let order: OrderView = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        Some(order.status)
    }

    /// One order with all that belongs to it.
    pub(super) async fn kept(&self, id: &str) -> Option<Kept> {
        let order: OrderView = self.json(&format!("/v1/orders/{id}")).await?;
        let events = self.pages(&format!("/v1/orders/{id}/events"), 100).await;
        let receipt = self.text(&format!("/v1/orders/{id}/receipt")).await;
        Some(Kept {
            order,
            events: events.unwrap_or_default(),
            receipt,
        })
    }

    /// Everything: what the lists show, and the orders of these ids besides.
    pub(super) async fn everything(&self, known: impl IntoIterator<Item = String>) -> ReadBack {
        let orders: Vec<OrderView> = self
            .pages("/v1/orders", 500)
            .await
            .expect("a list is never 404");
        let dead: Vec<OrderView> = self
            .pages("/v1/dead-letters", 500)
            .await
            .expect("a list is never 404");
        let listed: Vec<String> = orders.into_iter().map(|order| order.id).collect();
        let mut ids: BTreeSet<String> = listed.iter().cloned().collect();
        ids.extend(known.into_iter().filter(|id| !id.is_empty()));
        let kept = stream::iter(ids)
            .map(|id| async move { self.kept(&id).await.map(|kept| (id, kept)) })
            .buffer_unordered(READERS)
            .filter_map(std::future::ready)
            .collect()
            .await;
        ReadBack {
            kept,
            listed,
            dead_letters: dead.into_iter().map(|order| order.id).collect(),
            stats: self.stats().await,
        }
    }
}
