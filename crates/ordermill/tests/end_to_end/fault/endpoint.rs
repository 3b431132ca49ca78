//! The work's other end: an HTTP endpoint in the test process that every order is sent to. It counts calls by their
//! `Idempotency-Key`, so that the checker can tell effects from calls, and survives whatever happens to the servers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::parts::Certificates;

/// What the endpoint saw of one idempotency key.
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    /// How often it was called.
    pub(super) calls: u64,
    /// The ids in the bodies that came with it.
    pub(super) order_ids: Vec<String>,
}

#[derive(Debug, Default)]
struct Seen {
    effects: Mutex<HashMap<String, Effect>>,
    delay_ms: AtomicU64,
}

/// The endpoint. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Endpoint {
    seen: Arc<Seen>,
    /// Where it listens.
    pub(super) url: String,
    _server: JoinSet<()>,
}

impl Endpoint {
    /// Begins to listen.
    pub(super) async fn start() -> Self {
        let (listener, address) = listen().await;
        Self::serve(listener, format!("http://{address}/work"))
    }

    /// Begins to listen for TLS alone.
    pub(super) async fn start_with_tls(certificates: &Certificates) -> Self {
        let (tcp, address) = listen().await;
        let acceptor = acceptor(certificates);
        let listener = TlsListener { tcp, acceptor };
        Self::serve(
            listener,
            format!("https://localhost:{}/work", address.port()),
        )
    }

    fn serve<L>(listener: L, url: String) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let seen = Arc::new(Seen::default());
        let router = Router::new()
            .route("/work", post(work))
            .with_state(Arc::clone(&seen));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("a listener on loopback does not fail");
        });
        Self {
            seen,
            url,
            _server: server,
        }
    }

    /// From now on every call takes this long.
    pub(super) fn answer_after(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).expect("a short delay");
        self.seen.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// What was seen so far, by idempotency key.
    pub(super) fn effects(&self) -> HashMap<String, Effect> {
        self.seen
            .effects
            .lock()
            .expect("nobody panics with it")
            .clone()
    }

    /// How many calls came in so far.
    pub(super) fn calls(&self) -> u64 {
        let effects = self.seen.effects.lock().expect("nobody panics with it");
        effects.values().map(|effect| effect.calls).sum()
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr();
    let address = address.expect("a bound listener has an address");
    (listener, address)
}

/// Takes connections that have done their handshake.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            // One that does not trust the certificate goes away again.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificates.file("server.pem"))
            .and_then(Iterator::collect)
            .expect("the parts made a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates.file("server.key"));
    let key = key.expect("the parts made a key");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual protocols")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("key and certificate belong together");
    TlsAcceptor::from(Arc::new(config))
}

/// The result is derived from the key, so that the checker knows it without being told.
pub(super) fn result_of(key: &str) -> String {
    format!("paid-{key}")
}

async fn work(
    State(seen): State<Arc<Seen>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (StatusCode, String) {
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let Some(key) = key.map(str::to_owned) else {
        return (StatusCode::BAD_REQUEST, "no Idempotency-Key".to_owned());
    };
    let order: serde_json::Value = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()),
    };
    // The whole order, or an envelope around it.
    let id = order["id"]
        .as_str()
        .or_else(|| order["order"]["id"].as_str());
    let id = id
        .or_else(|| order["data"]["id"].as_str())
        .unwrap_or_default()
        .to_owned();
    {
        let mut effects = seen.effects.lock().expect("nobody panics with it");
        let effect = effects.entry(key.clone()).or_default();
        effect.calls += 1;
        if !effect.order_ids.contains(&id) {
            effect.order_ids.push(id);
        }
    }
    let delay = seen.delay_ms.load(Ordering::SeqCst);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    (
        StatusCode::OK,
        format!("{{\"reference\":\"{}\"}}", result_of(&key)),
    )
}
