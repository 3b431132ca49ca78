//! A server over an embedded store in a folder of its own, with live watching, and what tests do with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::{SqliteOptions, SqliteStore};
use application::in_process::InProcessHints;
use application::ports::{
    ClaimLimits, EventFeed as _, Guard, OrderReader as _, OrderStore, OrderWriter as _,
    Sharded as _, StorePorts, WorkQueue as _, Write,
};
use application::store_health::{CommitHealth, tracked};
use application::system::{SystemClock, SystemIds};
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, OrdersDependencies, Receipts, Settings};
use domain::{Currency, Failure, ShardId, Timestamp};
use edge_grpc::{GrpcEdge, GrpcSettings, ServeReport, Tuning};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_service_client::OrderServiceClient;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use port_conformance::faulty::{FaultMode, FaultyStore};

pub type Client = OrderServiceClient<Channel>;

pub struct Server {
    pub address: SocketAddr,
    pub store: Arc<FaultyStore>,
    pub soft: CancellationToken,
    pub hard: CancellationToken,
    serving: JoinSet<ServeReport>,
    _hub: JoinSet<()>,
    _folder: tempfile::TempDir,
}

/// Settings that bind no test that does not mean to be bound.
fn settings() -> GrpcSettings {
    GrpcSettings {
        default_currency: Currency::USD,
        max_message_bytes: 1024 * 1024,
        max_batch_bytes: 16 * 1024 * 1024,
        max_messages_bytes: 64 * 1024 * 1024,
        max_connections: 10_000,
        trusted_proxies: Vec::new(),
        max_streams_per_connection: 256,
        max_calls_in_flight: 4_096,
        max_streams: 8_192,
        intake_window: 1_024,
        intake_in_flight: 2_048,
        request_deadline: Duration::from_secs(10),
        batch_deadline: Duration::from_secs(30),
        keepalive_after: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(300),
        drain_timeout: Duration::from_secs(2),
        log_calls: false,
        tuning: Tuning::default(),
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    /// A server whose settings `adjust` changes.
    pub async fn with(adjust: impl FnOnce(&mut GrpcSettings, &mut WatchSettings)) -> Self {
        Self::before(|_| {}, adjust).await
    }

    /// A server before a store with other options.
    pub async fn before(
        store: impl FnOnce(&mut SqliteOptions),
        adjust: impl FnOnce(&mut GrpcSettings, &mut WatchSettings),
    ) -> Self {
        port_conformance::captured_logs::listen();
        let mut settings = settings();
        let mut watch = WatchSettings {
            max_watchers: 10_000,
            tuning: WatchTuning::default(),
        };
        adjust(&mut settings, &mut watch);
        let folder = tempfile::tempdir().unwrap();
        let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
        let clock = Arc::new(SystemClock::new());
        let mut options = SqliteOptions {
            data_dir: folder.path().to_owned(),
            queue: 8_192,
            batch: 1_024,
            tuning: adapter_sqlite::Tuning::default(),
        };
        store(&mut options);
        let opened = SqliteStore::open(options, clock.clone(), Arc::new(SystemIds), hints.clone());
        let store = Arc::new(FaultyStore::over(Arc::new(opened.unwrap())));
        let ports = StorePorts::of(&(Arc::clone(&store) as Arc<dyn OrderStore>));
        let untracked = Arc::clone(&ports.writer);
        let hub = Hub::new(Arc::clone(&ports.feed), hints, watch);
        let commits = CommitHealth::new(store.shards());
        let orders = Arc::new(LocalOrders::new(OrdersDependencies {
            store: tracked(ports, &commits),
            commits: commits.clone(),
            receipts: Receipts::Rendered,
            clock,
            ids: Arc::new(SystemIds),
            settings: Settings::default(),
        }));
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let mut running = JoinSet::new();
        let stop = hard.clone();
        let running_hub = hub.clone();
        running.spawn(async move { running_hub.run(stop).await });
        let stop = hard.clone();
        running.spawn(async move { commits.run(untracked, stop).await });
        let edge = GrpcEdge::new(orders, hub, Arc::new(SystemIds), settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(edge_grpc::serve(listener, edge, soft.clone(), hard.clone()));
        Self {
            address,
            store,
            soft,
            hard,
            serving,
            _hub: running,
            _folder: folder,
        }
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub async fn client(&self) -> Client {
        OrderServiceClient::new(self.channel().await).max_decoding_message_size(64 * 1024 * 1024)
    }

    /// Waits for the end of the serving.
    pub async fn stopped(&mut self) -> ServeReport {
        self.serving.join_next().await.unwrap().unwrap()
    }

    pub fn store_becomes(&self, mode: FaultMode) {
        self.store.set_mode(mode);
    }

    /// Processes the waiting orders, as a worker does; two changes each.
    pub async fn work_off(&self) -> usize {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1000), lease)
            .await
            .unwrap();
        let count = claimed.len();
        let writes = claimed
            .iter()
            .map(|order| Write {
                decision: order
                    .complete(None, Arc::from("receipts/x"), now())
                    .unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        self.commit(writes).await;
        count
    }

    /// Makes the waiting orders dead letters, as a handler that rejects them does.
    pub async fn fail_everything(&self) {
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
                    .fail(Failure::new("declined", "no card"), now())
                    .unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        self.commit(writes).await;
    }

    async fn commit(&self, writes: Vec<Write>) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// The position of the event with this number.
    pub async fn position(&self, seq: u64) -> domain::EventPosition {
        let position = self
            .store
            .event_position(ShardId(0), domain::Seq(seq))
            .await;
        position.unwrap().expect("the store has this event")
    }

    /// How many orders exist.
    pub async fn accepted(&self) -> u64 {
        self.store.counts().await.unwrap().accepted()
    }
}

fn now() -> Timestamp {
    use application::ports::Clock as _;
    SystemClock::new().now()
}

/// An order that is an amount alone.
pub fn amount(user: &str, minor_units: i64) -> pb::CreateOrderRequest {
    pb::CreateOrderRequest {
        user_id: user.to_owned(),
        amount: Some(usd(minor_units)),
        ..pb::CreateOrderRequest::default()
    }
}

pub fn usd(minor_units: i64) -> pb::Money {
    pb::Money {
        minor_units,
        currency: "USD".to_owned(),
    }
}

/// A position in the shard's feed that no store gave out.
pub fn position(seq: u64) -> domain::EventPosition {
    domain::EventPosition {
        seq: domain::Seq(seq),
        bits: 7,
    }
}

/// A line without a SKU, with a unit price.
pub fn line(product_name: &str, quantity: &str, unit_price: pb::Money) -> pb::Line {
    pb::Line {
        product_name: product_name.to_owned(),
        quantity: quantity.to_owned(),
        unit_price: Some(unit_price),
        ..pb::Line::default()
    }
}

pub fn with_key(order: pb::CreateOrderRequest, key: &str) -> pb::CreateOrderRequest {
    pb::CreateOrderRequest {
        idempotency_key: Some(key.to_owned()),
        ..order
    }
}

/// Places an order and returns it.
pub async fn placed(client: &mut Client, order: pb::CreateOrderRequest) -> pb::Order {
    let response = client.create_order(order).await.unwrap().into_inner();
    response.order.unwrap()
}

/// The stable reason of a refusal, which must name its code, its domain and its request.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("{status:?} has no reason"));
    assert_eq!(info.domain, "ordermill");
    assert!(!details.request_info().unwrap().request_id.is_empty());
    info.reason.clone()
}

/// Fields and reasons of a refusal's faults.
pub fn faults(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let request = details.bad_request().unwrap();
    let violations = request.field_violations.iter();
    violations
        .map(|fault| (fault.field.clone(), fault.reason.clone()))
        .collect()
}
