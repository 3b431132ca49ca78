//! A server over an embedded store in a folder of its own, and what tests do with it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_sqlite::{SqliteOptions, SqliteStore};
use application::in_process::InProcessHints;
use application::ports::{
    ClaimLimits, Guard, OrderReader as _, OrderStore, OrderWriter as _, Sharded as _, StorePorts,
    WorkQueue as _, Write,
};
use application::store_health::{CommitHealth, tracked};
use application::system::{SystemClock, SystemIds};
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, OrdersDependencies, Receipts, Settings};
use domain::{Cause, Currency, Failure, OrderCommand, OrderId, Receipt, ShardId, Timestamp};
use edge_http::{
    Breaker, EdgeSettings, EdgeState, EndpointState, HandlerState, OrdersDialect, ServeReport,
    Tuning, WorkHealth, WorkSnapshot,
};
use outbound_http::Proxies;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::contract::{Asked, Contract};
use port_conformance::faulty::{FaultMode, FaultyStore};

pub struct Server {
    pub address: SocketAddr,
    pub store: Arc<FaultyStore>,
    work: Arc<StatedWork>,
    pub soft: CancellationToken,
    pub hard: CancellationToken,
    client: reqwest::Client,
    serving: JoinSet<ServeReport>,
    _probing: JoinSet<()>,
    _folder: tempfile::TempDir,
}

/// The state of the processing of orders, as a test says it is.
pub struct StatedWork(Mutex<WorkSnapshot>);

impl WorkHealth for StatedWork {
    fn snapshot(&self) -> WorkSnapshot {
        *self.0.lock().unwrap()
    }
}

/// A handler that calls an endpoint, and all is well.
pub fn well() -> WorkSnapshot {
    WorkSnapshot {
        handler: HandlerState::Http(answering()),
        receipts_reachable: true,
    }
}

/// An endpoint that answers.
pub fn answering() -> EndpointState {
    EndpointState {
        breaker: Breaker::Closed,
        since: Timestamp::parse("2026-01-31T12:00:00Z").unwrap(),
        consecutive_faults: 0,
        next_probe: None,
        busy_pause: None,
    }
}

/// Settings that bind no test that does not mean to be bound.
pub fn settings() -> EdgeSettings {
    EdgeSettings {
        default_currency: Currency::USD,
        orders_dialect: OrdersDialect::Auto,
        orderflow_health: false,
        max_body_bytes: 1024 * 1024,
        max_batch_bytes: 16 * 1024 * 1024,
        max_bodies_bytes: 64 * 1024 * 1024,
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        request_deadline: Duration::from_secs(10),
        max_connections: 10_000,
        max_requests_in_flight: 4_096,
        drain_timeout: Duration::from_secs(2),
        log_requests: false,
        late_after: Some(Duration::from_secs(300)),
        version: "1.2.3".to_owned(),
        tuning: Tuning::default(),
    }
}

/// A client of the tests' own servers. It follows the rule of this program: whatever proxies the environment names, they do
/// not apply to loopback.
pub fn client_builder() -> reqwest::ClientBuilder {
    let loopback = reqwest::Url::parse("http://127.0.0.1/").unwrap();
    let route = Proxies::from_environment().route(&loopback).unwrap();
    route.apply(reqwest::Client::builder())
}

/// [`client_builder`]'s, as it is.
pub fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem; panics where the answer is none.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }

    /// Pointers and codes of a problem's faults.
    pub fn faults(&self) -> Vec<(String, String)> {
        let problem = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let place = ["pointer", "parameter", "header"]
                    .into_iter()
                    .find(|place| !fault[place].is_null())
                    .unwrap();
                (text(&fault[place]), text(&fault["code"]))
            })
            .collect()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose settings `adjust` changes.
    pub async fn with(adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        Self::before(Receipts::Rendered, adjust).await
    }

    /// A server with this place for its receipts.
    pub async fn before(receipts: Receipts, adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        port_conformance::captured_logs::listen();
        let folder = tempfile::tempdir().unwrap();
        let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
        let store = open_store(&folder, &hints);
        let store = Arc::new(FaultyStore::over(store));
        let ports = StorePorts::of(&(Arc::clone(&store) as Arc<dyn OrderStore>));
        let untracked = Arc::clone(&ports.writer);
        let commits = CommitHealth::new(store.shards());
        let no_watching = WatchSettings {
            max_watchers: 0,
            tuning: WatchTuning::default(),
        };
        let hub = Hub::new(Arc::clone(&ports.feed), hints, no_watching);
        let orders = Arc::new(LocalOrders::new(OrdersDependencies {
            store: tracked(ports, &commits),
            commits: commits.clone(),
            receipts,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(SystemIds),
            settings: Settings::default(),
        }));
        let mut probing = JoinSet::new();
        probing.spawn(async move { commits.run(untracked, CancellationToken::new()).await });
        let mut settings = settings();
        adjust(&mut settings);
        let work = Arc::new(StatedWork(Mutex::new(well())));
        let state = EdgeState::new(
            orders,
            hub,
            Arc::new(SystemIds),
            settings,
            Arc::clone(&work) as _,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(edge_http::serve(
            listener,
            state,
            soft.clone(),
            hard.clone(),
        ));
        Self {
            address,
            store,
            work,
            soft,
            hard,
            client: client(),
            serving,
            _probing: probing,
            _folder: folder,
        }
    }

    /// Waits for the end of the serving.
    pub async fn stopped(&mut self) -> ServeReport {
        self.serving.join_next().await.unwrap().unwrap()
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub fn post_request(&self, path: &str, json: impl Into<String>) -> RequestBuilder {
        self.request("POST", path)
            .header("content-type", "application/json")
            .body(json.into())
    }

    pub async fn post(&self, path: &str, json: impl Into<String>) -> Answer {
        send(self.post_request(path, json)).await
    }

    /// Places an order and returns it.
    pub async fn place(&self, json: &str) -> Value {
        let answer = self.post("/v1/orders", json).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Lets the waiting orders fail for good, as a handler that refuses them does.
    pub async fn fail_everything(&self, code: &str) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1000), lease)
            .await
            .unwrap();
        let writes = claimed
            .iter()
            .map(|order| Write {
                decision: order
                    .fail(Failure::new(code, "the card was \"declined\""), now())
                    .unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        let deadline = tokio::time::Instant::now() + lease;
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// Processes the waiting orders, as a worker does whose receipts are rendered when they are read.
    pub async fn process_everything(&self) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1000), lease)
            .await
            .unwrap();
        let writes = claimed
            .iter()
            .map(|order| {
                let key = Receipt::key_of(&order.user_id, order.id);
                Write {
                    decision: order.complete(None, key, now()).unwrap(),
                    guard: Guard::At {
                        version: order.version,
                        status: order.status,
                    },
                }
            })
            .collect();
        let deadline = tokio::time::Instant::now() + lease;
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// Gives these commands to one order, one after the other, without a client.
    pub async fn apply(&self, id: OrderId, commands: &[OrderCommand]) {
        let mut order = self.store.get(id).await.unwrap().unwrap();
        let writes = commands.iter().map(|command| {
            let guard = Guard::At {
                version: order.version,
                status: order.status,
            };
            let decision = order.apply(*command, now(), Cause::default()).unwrap();
            order = Arc::clone(&decision.order);
            Write { decision, guard }
        });
        let writes = writes.collect();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    pub fn store_becomes(&self, mode: FaultMode) {
        self.store.set_mode(mode);
    }

    pub fn work_becomes(&self, work: WorkSnapshot) {
        *self.work.0.lock().unwrap() = work;
    }
}

fn open_store(folder: &tempfile::TempDir, hints: &Arc<InProcessHints>) -> Arc<dyn OrderStore> {
    let options = SqliteOptions {
        data_dir: folder.path().to_owned(),
        queue: 8_192,
        batch: 1_024,
        tuning: adapter_sqlite::Tuning::default(),
    };
    let clock = Arc::new(SystemClock::new());
    let ids = Arc::new(SystemIds);
    Arc::new(SqliteStore::open(options, clock, ids, hints.clone()).unwrap())
}

fn now() -> Timestamp {
    use application::ports::Clock as _;
    SystemClock::new().now()
}

/// Sends it, and holds the answer to the document.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let asked = Asked::of(&request);
    let answer = read(client.execute(request).await.unwrap()).await;
    Contract::get().check(&asked, &answer);
    answer
}

async fn read(response: Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}
