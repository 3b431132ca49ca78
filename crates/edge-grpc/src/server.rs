//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/2 on them, and stops in two steps.
//!
//! The binary calls [`serve`]. Every task is in the edge's tracker; nothing outlives [`serve`] but what a hard stop could
//! not end.
//!
//! On loopback no name of a host is checked, as the HTTP edge does against pages that point a name of theirs here: a
//! browser speaks HTTP/2 over TLS alone, and this port answers nothing but HTTP/2 in clear text.

use std::pin::pin;
use std::sync::Arc;

use edge_listener::{ConnectionStream, Listening, ServeReport};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::calls::{BegunCalls, Calls};
use crate::dispatch::Dispatcher;
use crate::preface;
use crate::settings::GrpcSettings;
use crate::state::GrpcEdge;

/// What a client may send of one call, and of all calls of a connection, before it is read. Twice a message of the
/// usual size a stream keeps an intake busy.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What waits of one call's answer until its client takes it.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Serves until `soft` is cancelled; then accepts nothing more, lets calls end and tells streams to, and returns when
/// they have, or when `hard` is cancelled or the drain's time is over, which cuts off what is left.
pub async fn serve(
    listener: TcpListener,
    mut edge: GrpcEdge,
    soft: CancellationToken,
    hard: CancellationToken,
) -> ServeReport {
    edge.soft = soft.clone();
    let cut = CancellationToken::new();
    edge.hard = cut.clone();
    let listening = Listening {
        max_connections: edge.settings.max_connections,
        idle_timeout: edge.settings.idle_timeout,
        write_timeout: edge.settings.tuning.write_timeout,
        trusted_proxies: edge.settings.trusted_proxies.clone(),
        drain_timeout: edge.settings.drain_timeout,
        tasks: edge.tasks.clone(),
        soft,
        hard,
        cut,
    };
    let server = Arc::new(Server::new(edge));
    listening
        .serve(listener, |stream| Arc::clone(&server).connection(stream))
        .await
}

/// What the connections share.
struct Server {
    dispatcher: Arc<Dispatcher>,
    settings: Arc<GrpcSettings>,
}

impl Server {
    fn new(edge: GrpcEdge) -> Self {
        Self {
            settings: Arc::clone(&edge.settings),
            dispatcher: Arc::new(Dispatcher::new(edge)),
        }
    }

    /// Serves one connection to its end.
    async fn connection(self: Arc<Self>, mut stream: ConnectionStream) {
        let connection = Arc::clone(stream.connection());
        let begins = tokio::select! {
            begins = preface::is_http2(&mut stream, self.settings.tuning.preface_timeout) => begins,
            // No call has come on it yet.
            () = connection.closing() => false,
        };
        if !begins {
            return;
        }
        let service = service_fn(|request: Request<Incoming>| {
            let begun = connection.begin_request(request.version());
            Arc::clone(&self.dispatcher).answer(request, begun)
        });
        let mut calls = Calls::new(self.settings.tuning.write_timeout);
        let builder = builder(&self.settings, calls.executor());
        let served = builder.serve_connection(TokioIo::new(stream), service);
        let mut served = pin!(served);
        let result = tokio::select! {
            result = calls.serve(served.as_mut()) => result,
            () = connection.cut() => Ok(()),
            () = connection.closing() => {
                served.as_mut().graceful_shutdown();
                tokio::select! {
                    result = calls.serve(served.as_mut()) => result,
                    () = connection.cut() => Ok(()),
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(error = %error.to_string().escape_debug(), "a connection ended with an error");
        }
    }
}

/// How HTTP/2 is spoken.
fn builder(settings: &GrpcSettings, executor: BegunCalls) -> http2::Builder<BegunCalls> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams_per_connection)
        .max_header_list_size(settings.tuning.max_metadata_bytes)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(settings.keepalive_after)
        .keep_alive_timeout(settings.tuning.keepalive_timeout);
    builder
}
