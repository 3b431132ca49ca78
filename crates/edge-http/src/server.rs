//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/1.1 and HTTP/2 on them, and stops in
//! two steps.
//!
//! The binary calls [`serve`]. Every task is in the state's tracker; nothing outlives [`serve`] but what a hard stop
//! could not end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use edge_listener::{Listening, ServeReport};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

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
        drain_timeout: state.settings.drain_timeout,
        tasks: state.tasks.clone(),
        soft,
        hard,
        cut,
    };
    let server = Arc::new(Server::new(&listener, routes, &Arc::new(state)));
    listening
        .serve(listener, |stream, permit| {
            Arc::clone(&server).connection(stream, permit)
        })
        .await
}

/// What the connections share.
struct Server {
    router: Router,
    builder: Builder<Tracked>,
    settings: Arc<EdgeSettings>,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Server {
    fn new(listener: &TcpListener, routes: fn(&Edge, bool) -> Router, edge: &Edge) -> Self {
        let is_loopback = listener
            .local_addr()
            .is_ok_and(|address| address.ip().is_loopback());
        Self {
            builder: builder(&edge.settings, Tracked(edge.tasks.clone())),
            settings: Arc::clone(&edge.settings),
            soft: edge.soft.clone(),
            hard: edge.hard.clone(),
            router: routes(edge, is_loopback),
        }
    }

    /// Serves one connection to its end. The permit is given back when it is dropped.
    async fn connection(self: Arc<Self>, stream: TcpStream, permit: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it was served");
            return;
        }
        let service = service_fn(|request: Request<Incoming>| {
            self.router.clone().oneshot(request.map(Body::new))
        });
        let mut connection = pin!(
            self.builder
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
        );
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = self.hard.cancelled() => Ok(()),
            () = self.soft.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    result = connection.as_mut() => result,
                    () = self.hard.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(error = %error.to_string().escape_debug(), "a connection ended with an error");
        }
        drop(permit);
    }
}

/// Runs the streams of HTTP/2 connections as tasks of the tracker.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// How HTTP is spoken.
fn builder(settings: &EdgeSettings, executor: Tracked) -> Builder<Tracked> {
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
