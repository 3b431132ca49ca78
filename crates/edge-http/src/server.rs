//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/1.1 and HTTP/2 on them, and stops in
//! two steps.
//!
//! The binary calls [`serve`]. Every task is in the state's tracker; nothing outlives [`serve`] but what a hard stop
//! could not end.

use std::sync::Arc;

use axum::http::{Request, Version};
use edge_listener::{ConnectionStream, Listening, ServeReport, StreamTasks};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection_timeouts::{ConnectionActivity, TimedStream};
use crate::dispatch::Dispatcher;
use crate::router::Port;
use crate::settings::EdgeSettings;
use crate::state::EdgeState;

/// The bound that HTTP/1 has by itself.
const HEADERS_BY_DEFAULT: usize = 100;
/// How many bytes of a request's head and body are buffered in a connection.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Serves until `soft` is cancelled; then accepts nothing more, lets requests and streams end, and returns when they
/// have, or when `hard` is cancelled or the drain's time is over, which cuts off what is left.
pub async fn serve(
    listener: TcpListener,
    state: EdgeState,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    serve_port(listener, Port::Main, state, soft, hard).await
}

/// As [`serve`], for the separate port that serves `/ws` alone, and to any page. Its tasks are its own.
pub async fn serve_websockets(
    listener: TcpListener,
    mut state: EdgeState,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    state.tasks = TaskTracker::new();
    serve_port(listener, Port::WebSocket, state, soft, hard).await
}

async fn serve_port(
    listener: TcpListener,
    port: Port,
    mut state: EdgeState,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    state.soft = soft.clone();
    let cut = CancellationToken::new();
    state.hard = cut.clone();
    let listening = Listening {
        max_connections: state.settings.max_connections,
        idle_timeout: state.settings.tuning.idle_timeout,
        write_timeout: state.settings.tuning.write_timeout,
        trusted_proxies: Vec::new(),
        drain_timeout: state.settings.drain_timeout,
        tasks: state.tasks.clone(),
        soft,
        hard,
        cut,
    };
    let server = Arc::new(Server::new(&listener, port, state));
    listening
        .serve(listener, |stream| Arc::clone(&server).connection(stream))
        .await
}

/// What the connections share.
struct Server {
    dispatcher: Arc<Dispatcher>,
    settings: Arc<EdgeSettings>,
    tasks: TaskTracker,
}

impl Server {
    fn new(listener: &TcpListener, port: Port, state: EdgeState) -> Self {
        let is_loopback = listener
            .local_addr()
            .is_ok_and(|address| address.ip().is_loopback());
        Self {
            settings: Arc::clone(&state.settings),
            tasks: state.tasks.clone(),
            dispatcher: Arc::new(Dispatcher::new(state, port, is_loopback)),
        }
    }

    /// Serves one connection to its end.
    async fn connection(self: Arc<Self>, stream: ConnectionStream) {
        let connection = Arc::clone(stream.connection());
        let activity = Arc::new(ConnectionActivity::default());
        let stream = TimedStream::new(stream, Arc::clone(&activity), &self.settings);
        let service = service_fn(|request: Request<Incoming>| {
            let version = request.version();
            let in_flight = activity.begin_request(version == Version::HTTP_2);
            let begun = connection.begin_request(version);
            Arc::clone(&self.dispatcher).answer(request, in_flight, begun)
        });
        let builder = builder(&self.settings, connection.executor(&self.tasks));
        let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        if let Err(error) = connection.run(served).await {
            tracing::debug!(error = %error.to_string().escape_debug(), "a connection ended with an error");
        }
    }
}

/// How HTTP is spoken. HTTP/1's own timer stays off: `connection_timeouts` watches the connection instead.
fn builder(settings: &EdgeSettings, executor: StreamTasks) -> Builder<StreamTasks> {
    let mut builder = Builder::new(executor);
    builder
        .http1()
        .header_read_timeout(None)
        .max_buf_size(READ_BUFFER_BYTES);
    // Setting what is the default anyway would make each request allocate for it.
    if settings.tuning.max_headers != HEADERS_BY_DEFAULT {
        builder.http1().max_headers(settings.tuning.max_headers);
    }
    let header_bytes = u32::try_from(settings.tuning.max_header_bytes * 2).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.tuning.max_streams_per_connection)
        .max_header_list_size(header_bytes)
        .keep_alive_interval(settings.tuning.idle_timeout / 2)
        .keep_alive_timeout(settings.header_timeout);
    builder
}
