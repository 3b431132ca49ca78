//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/1.1 and HTTP/2 on them, and stops in
//! two steps.
//!
//! The binary calls [`serve`]. Every task is in the state's tracker; nothing outlives [`serve`] but what a hard stop
//! could not end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::http::{Request, Response};
use edge_listener::{
    AnswerBody, ConnectionStream, Listening, RequestInFlight, ServeReport, StreamTasks,
};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::layers::render_answers_used_up;
use crate::router;
use crate::settings::EdgeSettings;
use crate::state::{Edge, EdgeState};

/// The bound that HTTP/1 has by itself.
const HEADERS_BY_DEFAULT: usize = 100;
/// How long a client of HTTP/2 may take to answer a ping before its connection is closed.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
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
    serve_port(listener, router::main_port, state, soft, hard).await
}

/// As [`serve`], for the separate port that serves `/ws` alone. Its tasks are its own.
pub async fn serve_websockets(
    listener: TcpListener,
    mut state: EdgeState,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    state.tasks = TaskTracker::new();
    serve_port(listener, router::websocket_port, state, soft, hard).await
}

async fn serve_port(
    listener: TcpListener,
    routes: fn(&Edge, bool) -> Router,
    mut state: EdgeState,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    state.soft = soft.clone();
    let cut = CancellationToken::new();
    state.hard = cut.clone();
    let listening = Listening {
        max_connections: state.settings.max_connections,
        idle_timeout: state.settings.idle_timeout,
        write_timeout: state.settings.tuning.write_timeout,
        trusted_proxies: state.settings.trusted_proxies.clone(),
        drain_timeout: state.settings.drain_timeout,
        tasks: state.tasks.clone(),
        soft,
        hard,
        cut,
    };
    let server = Arc::new(Server::new(&listener, routes, Arc::new(state)));
    listening
        .serve(listener, |stream| Arc::clone(&server).connection(stream))
        .await
}

/// What the connections share.
struct Server {
    router: Router,
    edge: Edge,
}

impl Server {
    fn new(listener: &TcpListener, routes: fn(&Edge, bool) -> Router, edge: Edge) -> Self {
        let is_loopback = listener
            .local_addr()
            .is_ok_and(|address| address.ip().is_loopback());
        Self {
            router: routes(&edge, is_loopback),
            edge,
        }
    }

    /// Serves one connection to its end.
    async fn connection(self: Arc<Self>, stream: ConnectionStream) {
        let connection = Arc::clone(stream.connection());
        let service = service_fn(|request: Request<Incoming>| {
            let in_flight = connection.begin_request(request.version());
            Arc::clone(&self).answer(request, in_flight)
        });
        let builder = builder(&self.edge.settings, connection.executor(&self.edge.tasks));
        let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        if let Err(error) = connection.run(served).await {
            tracing::debug!(error = %error.to_string().escape_debug(), "a connection ended with an error");
        }
    }

    /// Has the router answer, within the memory that all answers may hold together.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        in_flight: RequestInFlight,
    ) -> Result<Response<AnswerBody<Body>>, Infallible> {
        let uri = request.uri().clone();
        let router = self.router.clone();
        let answer = router.oneshot(request.map(Body::new)).await?;
        let refusal = render_answers_used_up(&answer, uri, &self.edge.settings);
        // Only live streams have no length.
        let is_stream = answer.body().size_hint().exact().is_none();
        let budget = if is_stream {
            &self.edge.streams
        } else {
            &self.edge.answers
        };
        Ok(in_flight.answer(answer, budget, refusal))
    }
}

/// How HTTP is spoken.
fn builder(settings: &EdgeSettings, executor: StreamTasks) -> Builder<StreamTasks> {
    let mut builder = Builder::new(executor);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle_timeout)
        // A client that has sent its request and closes its half of the connection gets the answer.
        .half_close(true)
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
        .keep_alive_interval(settings.idle_timeout / 2)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}
