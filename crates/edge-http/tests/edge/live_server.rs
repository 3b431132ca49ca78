//! A server with live streams: an embedded store that hints to the hub, the hub, and both ports.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::{SqliteOptions, SqliteStore};
use application::in_process::InProcessHints;
use application::ports::{
    ClaimLimits, Clock as _, Erasure, EventFeed as _, Guard, Ids as _, OrderReader as _,
    OrderStore, OrderWriter as _, StorePorts, WorkQueue as _, Write,
};
use application::store_health::CommitHealth;
use application::system::{SystemClock, SystemIds};
use application::watch::{Cursor, Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, OrdersDependencies, Receipts, Settings};
use domain::{
    Cause, CheckRules, Currency, Failure, Given, Order, OrderCommand, OrderDraft, OrderId,
    PlaceOrder, ReceiptLocation, Seq, ShardId,
};
use edge_http::{EdgeSettings, EdgeState, NoWork, ServeReport};
use futures_util::{SinkExt, StreamExt};
use port_conformance::faulty::FaultyStore;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use tokio_util::sync::CancellationToken;

use crate::contract::Contract;
use crate::server::settings;

pub struct LiveServer {
    pub address: SocketAddr,
    pub ws_address: SocketAddr,
    pub store: Arc<FaultyStore>,
    pub hub: Hub,
    pub soft: CancellationToken,
    serving: JoinSet<ServeReport>,
    _hub: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl LiveServer {
    pub async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    pub async fn with(adjust: impl FnOnce(&mut EdgeSettings, &mut WatchSettings)) -> Self {
        port_conformance::captured_logs::listen();
        let mut settings = settings();
        settings.drain_timeout = Duration::from_secs(10);
        let mut watch = WatchSettings {
            max_watchers: 10_000,
            tuning: WatchTuning::default(),
        };
        adjust(&mut settings, &mut watch);
        let folder = tempfile::tempdir().unwrap();
        let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
        let clock = Arc::new(SystemClock::new());
        let options = SqliteOptions {
            data_dir: folder.path().to_owned(),
            queue: 8_192,
            batch: 1_024,
            tuning: adapter_sqlite::Tuning::default(),
        };
        let opened = SqliteStore::open(options, clock.clone(), Arc::new(SystemIds), hints.clone());
        let store = Arc::new(FaultyStore::over(Arc::new(opened.unwrap())));
        let hub = Hub::new(store.clone(), hints, watch);
        let orders = Arc::new(LocalOrders::new(OrdersDependencies {
            store: StorePorts::of(&(store.clone() as Arc<dyn OrderStore>)),
            commits: CommitHealth::new(&adapter_sqlite::SHARDS),
            receipts: Receipts::Rendered,
            clock,
            ids: Arc::new(SystemIds),
            settings: Settings::default(),
        }));
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let mut running = JoinSet::new();
        let pumps = hub.clone();
        let stop = hard.clone();
        running.spawn(async move { pumps.run(stop).await });
        let state = EdgeState::new(
            orders,
            hub.clone(),
            Arc::new(SystemIds),
            settings,
            Arc::new(NoWork),
        );
        let mut serving = JoinSet::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ws_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, ws_address) = (
            listener.local_addr().unwrap(),
            ws_listener.local_addr().unwrap(),
        );
        serving.spawn(edge_http::serve_websockets(
            ws_listener,
            state.clone(),
            soft.clone(),
            hard.clone(),
        ));
        serving.spawn(edge_http::serve(listener, state, soft.clone(), hard));
        Self {
            address,
            ws_address,
            store,
            hub,
            soft,
            serving,
            _hub: running,
            _folder: folder,
        }
    }

    /// Places an order of `user`.
    pub async fn place(&self, user: &str) -> OrderId {
        self.place_many(user, 1).await[0]
    }

    pub async fn place_many(&self, user: &str, count: usize) -> Vec<OrderId> {
        let command = order_of(user, Given::Missing);
        let writes = (0..count).map(|_| {
            let now = SystemClock::new().now();
            let id = SystemIds.order_id(now, &command.user_id);
            new_order(&command, id)
        });
        self.commit(writes.collect()).await
    }

    /// Places the order that has this id, and this number.
    pub async fn place_as(&self, id: OrderId, user: &str, external_id: &str) {
        let command = order_of(user, Given::Value(external_id.into()));
        self.commit(vec![new_order(&command, id)]).await;
    }

    /// Applies a command to an order without a client.
    pub async fn apply(&self, id: OrderId, command: OrderCommand) {
        let order = self.store.get(id).await.unwrap().unwrap();
        let now = SystemClock::new().now();
        let decision = order.apply(command, now, Cause::default()).unwrap();
        let guard = Guard::At {
            version: order.version,
            status: order.status,
        };
        self.commit(vec![Write { decision, guard }]).await;
    }

    /// Lets the one order that waits fail for good.
    pub async fn fail(&self, id: OrderId) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1), lease)
            .await
            .unwrap();
        let order = &claimed[0];
        assert_eq!(order.id, id);
        let failure = Failure::new("declined", "the card was declined");
        let write = Write {
            decision: order.fail(failure, SystemClock::new().now()).unwrap(),
            guard: Guard::At {
                version: order.version,
                status: order.status,
            },
        };
        self.commit(vec![write]).await;
    }

    /// Works off up to `limit` orders, as a worker does; two changes each.
    pub async fn work_off(&self, limit: usize) -> usize {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(limit), lease)
            .await
            .unwrap();
        let now = SystemClock::new().now();
        let writes = claimed
            .iter()
            .map(|order| Write {
                decision: order.complete(None, "receipts/x.txt".into(), now).unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        self.commit(writes).await.len()
    }

    /// Erases an order that is over.
    pub async fn erase(&self, id: OrderId) {
        let order = self.store.get(id).await.unwrap().unwrap();
        let erasure = Erasure {
            event: order.erase(SystemClock::new().now()).unwrap(),
            version: order.version,
            status: order.status,
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        self.store.erase(erasure, deadline).await.unwrap();
    }

    /// The cursor right after the change with this number.
    pub async fn cursor_at(&self, seq: u64) -> String {
        let position = self.store.event_position(ShardId(0), Seq(seq)).await;
        let position = position.unwrap().expect("the store has this change");
        Cursor::new([(ShardId(0), position)]).to_string()
    }

    async fn commit(&self, writes: Vec<Write>) -> Vec<OrderId> {
        let ids = writes.iter().map(|write| write.decision.order.id).collect();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
        ids
    }

    pub async fn socket(&self) -> Socket {
        let (stream, _) = connect_async(format!("ws://{}/ws", self.address))
            .await
            .unwrap();
        Socket { stream }
    }

    /// A socket of the separate port.
    pub async fn separate_socket(&self) -> Socket {
        let (stream, _) = connect_async(format!("ws://{}/ws", self.ws_address))
            .await
            .unwrap();
        Socket { stream }
    }

    /// A socket whose connection takes little that is not read.
    pub async fn narrow_socket(&self) -> Socket {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4096).unwrap();
        let tcp = tcp.connect(self.address).await.unwrap();
        let url = format!("ws://{}/ws", self.address);
        let (stream, _) = client_async(url, MaybeTlsStream::Plain(tcp)).await.unwrap();
        Socket { stream }
    }

    /// A socket that has said `text`.
    pub async fn subscribed(&self, text: &str) -> Socket {
        let mut socket = self.socket().await;
        socket.say(text).await;
        socket
    }

    /// Stops softly and waits for the end.
    pub async fn stop(&mut self) -> Vec<ServeReport> {
        self.soft.cancel();
        let mut reports = Vec::new();
        while let Some(report) = self.serving.join_next().await {
            reports.push(report.unwrap());
        }
        reports
    }
}

fn order_of<'a>(user: &'a str, external_id: Given<Cow<'a, str>>) -> PlaceOrder {
    let draft = OrderDraft {
        user_id: Given::Value(user.into()),
        external_id,
        amount: Given::Value("1".into()),
        ..OrderDraft::default()
    };
    PlaceOrder::check(
        draft,
        CheckRules::new_orders(Currency::USD),
        &mut Vec::new(),
    )
    .unwrap()
}

fn new_order(command: &PlaceOrder, id: OrderId) -> Write {
    let now = SystemClock::new().now();
    Write {
        decision: Order::place(
            command.clone(),
            id,
            now,
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard: Guard::New {
            key: None,
            fingerprint: command.external_id.is_some().then(|| command.fingerprint()),
        },
    }
}

pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Waits until everything said before was heard: commands are done in order, and so is a ping.
    pub async fn is_heard(&mut self) -> Vec<Value> {
        self.stream
            .send(Message::Ping("heard?".into()))
            .await
            .unwrap();
        let mut before = Vec::new();
        loop {
            match self.next_message().await {
                Message::Pong(bytes) if *bytes == *b"heard?" => return before,
                Message::Text(text) => before.push(serde_json::from_str(&text).unwrap()),
                _ => {}
            }
        }
    }

    async fn next_message(&mut self) -> Message {
        tokio::time::timeout(Duration::from_secs(20), self.stream.next())
            .await
            .expect("something comes")
            .expect("the socket is open")
            .unwrap()
    }

    /// The next text frame.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next_message().await {
                let frame = serde_json::from_str(&text).unwrap();
                Contract::get().validate_as("SocketFrame", &frame);
                return frame;
            }
        }
    }

    /// The next change: its order's id, version and status.
    pub async fn next_change(&mut self) -> (String, u64, String) {
        let frame = self.next().await;
        change(&frame).unwrap_or_else(|| panic!("{frame} is no change"))
    }

    /// Reads to the end: the last text frames, the code of the close frame, its reason.
    pub async fn closed(&mut self) -> (Vec<Value>, Option<(CloseCode, String)>) {
        let mut texts = Vec::new();
        let mut closing = None;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.stream.next()).await;
            match next.expect("the socket ends") {
                Some(Ok(Message::Text(text))) => texts.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    closing = Some((frame.code, frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (texts, closing),
            }
        }
    }

    pub async fn close_code(&mut self) -> u16 {
        let (_, closing) = self.closed().await;
        closing.map_or(1006, |(code, _)| code.into())
    }
}

/// A change's order, version and status (`erased` if there is none); `None` for any other frame.
pub fn change(frame: &Value) -> Option<(String, u64, String)> {
    Some((
        frame["order_id"].as_str()?.to_owned(),
        frame["version"].as_u64()?,
        frame["status"].as_str().unwrap_or("erased").to_owned(),
    ))
}
