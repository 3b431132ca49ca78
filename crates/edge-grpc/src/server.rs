//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/2 on them, and stops in two steps.
//!
//! The binary calls [`serve`]. Every task is in the edge's tracker; nothing outlives [`serve`] but what a hard stop could
//! not end.
//!
//! On loopback no name of a host is checked, as the HTTP edge does against pages that point a name of theirs here: a
//! browser speaks HTTP/2 over TLS alone, and this port answers nothing but HTTP/2 in clear text.

use std::pin::pin;
use std::sync::Arc;

use edge_listener::{Listening, ServeReport};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, Busy};
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
        drain_timeout: edge.settings.drain_timeout,
        tasks: edge.tasks.clone(),
        soft,
        hard,
        cut,
    };
    let server = Arc::new(Server::new(edge));
    listening
        .serve(listener, |stream, permit| {
            Arc::clone(&server).connection(stream, permit)
        })
        .await
}

/// What the connections share.
struct Server {
    dispatcher: Arc<Dispatcher>,
    settings: Arc<GrpcSettings>,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Server {
    fn new(edge: GrpcEdge) -> Self {
        Self {
            settings: Arc::clone(&edge.settings),
            soft: edge.soft.clone(),
            hard: edge.hard.clone(),
            dispatcher: Arc::new(Dispatcher::new(edge)),
        }
    }

    /// Serves one connection to its end. The permit is given back when it is dropped.
    async fn connection(self: Arc<Self>, mut stream: TcpStream, permit: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it was served");
            return;
        }
        let begins = tokio::select! {
            begins = preface::is_http2(&mut stream, self.settings.tuning.preface_timeout) => begins,
            // Nobody has asked for anything on it yet.
            () = self.soft.cancelled() => false,
        };
        if !begins {
            return;
        }
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request: Request<Incoming>| {
            Arc::clone(&self.dispatcher).answer(request, Busy::new(&activity))
        });
        let mut calls = Calls::new(self.settings.tuning.write_timeout);
        let builder = builder(&self.settings, calls.executor());
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let result = tokio::select! {
            result = calls.serve(connection.as_mut()) => result,
            () = self.hard.cancelled() => Ok(()),
            () = activity.is_over(&self.settings, &self.soft) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    result = calls.serve(connection.as_mut()) => result,
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
