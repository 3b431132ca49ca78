//! The one server of the tests: an embedded store in a folder of its own, which fails on demand and hints to the hub, both
//! ports, and a client. What tests do without a client is in `beside`, sockets are in `sockets`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_sqlite::{SqliteOptions, SqliteStore};
use application::health::{Breaker, EndpointState, HandlerState, WorkHealth, WorkSnapshot};
use application::in_process::InProcessHints;
use application::ports::{OrderStore, Sharded as _, StorePorts};
use application::store_health::{CommitHealth, tracked};
use application::system::{SystemClock, SystemIds};
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, OrdersDependencies, Receipts, Settings};
use domain::{Currency, Timestamp};
use edge_http::{CorsOrigin, EdgeSettings, EdgeState, OrdersDialect, ServeReport, Tuning};
use outbound_http::Proxies;
use port_conformance::faulty::{FaultMode, FaultyStore};
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, send};

pub struct Server {
    pub address: SocketAddr,
    /// Where WebSocket has a port of its own.
    pub ws_address: SocketAddr,
    pub store: Arc<FaultyStore>,
    pub hub: Hub,
    work: Arc<StatedWork>,
    pub soft: CancellationToken,
    pub hard: CancellationToken,
    client: reqwest::Client,
    state: EdgeState,
    serving: JoinSet<ServeReport>,
    serving_websockets: JoinSet<ServeReport>,
    /// The hub, and the probing of commits.
    _running: JoinSet<()>,
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
        allowed_hosts: Vec::new(),
        cors_origins: vec![CorsOrigin::Loopback],
        trusted_proxies: Vec::new(),
        max_body_bytes: 1024 * 1024,
        max_batch_bytes: 16 * 1024 * 1024,
        max_bodies_bytes: 64 * 1024 * 1024,
        max_answers_bytes: 64 * 1024 * 1024,
        idle_timeout: Duration::from_secs(75),
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

/// What a server is started with.
struct Setup {
    edge: EdgeSettings,
    watch: WatchSettings,
    receipts: Receipts,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            edge: settings(),
            watch: WatchSettings {
                max_watchers: 10_000,
                tuning: WatchTuning::default(),
            },
            receipts: Receipts::Rendered,
        }
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::run(Setup::default()).await
    }

    /// A server whose settings `adjust` changes.
    pub async fn with(adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        Self::before(Receipts::Rendered, adjust).await
    }

    /// A server with this place for its receipts.
    pub async fn before(receipts: Receipts, adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        let mut setup = Setup {
            receipts,
            ..Setup::default()
        };
        adjust(&mut setup.edge);
        Self::run(setup).await
    }

    /// A server whose streams have time to end, and whose settings of the edge and of watching `adjust` changes.
    pub async fn streaming(adjust: impl FnOnce(&mut EdgeSettings, &mut WatchSettings)) -> Self {
        let mut setup = Setup::default();
        setup.edge.drain_timeout = Duration::from_secs(10);
        adjust(&mut setup.edge, &mut setup.watch);
        Self::run(setup).await
    }

    async fn run(setup: Setup) -> Self {
        port_conformance::captured_logs::listen();
        let folder = tempfile::tempdir().unwrap();
        let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
        let store = Arc::new(FaultyStore::over(open_store(&folder, &hints)));
        let ports = StorePorts::of(&(Arc::clone(&store) as Arc<dyn OrderStore>));
        let untracked = Arc::clone(&ports.writer);
        let commits = CommitHealth::new(store.shards());
        let hub = Hub::new(Arc::clone(&ports.feed), hints, setup.watch);
        let orders = Arc::new(LocalOrders::new(OrdersDependencies {
            store: tracked(ports, &commits),
            commits: commits.clone(),
            receipts: setup.receipts,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(SystemIds),
            settings: Settings::default(),
        }));
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let mut running = JoinSet::new();
        let (followed, stop) = (hub.clone(), hard.clone());
        running.spawn(async move { followed.run(stop).await });
        running.spawn(async move { commits.run(untracked, CancellationToken::new()).await });
        let work = Arc::new(StatedWork(Mutex::new(well())));
        let state = EdgeState::new(
            orders,
            hub.clone(),
            Arc::new(SystemIds),
            setup.edge,
            Arc::clone(&work) as _,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ws_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ws_address = ws_listener.local_addr().unwrap();
        let (mut serving, mut serving_websockets) = (JoinSet::new(), JoinSet::new());
        serving_websockets.spawn(edge_http::serve_websockets(
            ws_listener,
            state.clone(),
            soft.clone(),
            hard.clone(),
        ));
        serving.spawn(edge_http::serve(
            listener,
            state.clone(),
            soft.clone(),
            hard.clone(),
        ));
        Self {
            address,
            ws_address,
            store,
            hub,
            work,
            soft,
            hard,
            client: client(),
            state,
            serving,
            serving_websockets,
            _running: running,
            _folder: folder,
        }
    }

    /// Bytes of answers that their clients have not taken.
    pub fn answer_bytes(&self) -> usize {
        self.state.answer_bytes()
    }

    /// A connection from this address of the machine.
    pub async fn connect_from(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Stops softly and waits for the end of both ports.
    pub async fn stop(&mut self) -> Vec<ServeReport> {
        self.soft.cancel();
        let websockets = self.serving_websockets.join_next().await.unwrap().unwrap();
        vec![websockets, self.stopped().await]
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
