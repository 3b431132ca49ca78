//! Serving: accepts connections, no more than are allowed at a time, speaks HTTP/2 on them, and stops in two steps.
//!
//! The binary calls [`serve`]. tonic's routes run under the tower layers of `layers`, on hyper's HTTP/2: the parts that
//! tonic's own `transport::Server` consists of. That server itself cannot be used: it ends a call at its client's deadline
//! outside of all layers and without details (see `layers::deadline`), it cannot end one idle connection with a GOAWAY,
//! and its tasks have no owner. Here each connection and each call is a task of the edge's tracker; nothing outlives
//! [`serve`] but what a hard stop could not end.
//!
//! On loopback no name of a host is checked, as the HTTP edge does against pages that point a name of theirs here: a
//! browser speaks HTTP/2 over TLS alone, and this port answers nothing but HTTP/2 in clear text.

use std::pin::pin;
use std::sync::Arc;

use edge_listener::{ConnectionStream, Listening, ServeReport};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use proto::grpcstream::order_stream_server::OrderStreamServer;
use proto::order::order_service_server::OrderServiceServer as OrderSystemServer;
use proto::ordermill::v1::order_service_server::OrderServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower::ServiceExt as _;

use crate::batched_writes::drive;
use crate::connection::Connection;
use crate::dialects::{OrderStream, OrderSystem};
use crate::health::HealthCheck;
use crate::layers::{Layered, layered};
use crate::orders::Orders;
use crate::preface;
use crate::slow_reader::CallExecutor;
use crate::state::GrpcEdge;

/// What a client may send of one call, and of all calls of a connection, before it is read. Twice a message of the
/// usual size keeps an intake stream busy.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What HTTP/2 buffers of one call's answer until its client takes it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Serves until `soft` is cancelled; then accepts nothing more, lets calls end and tells streams to end, and returns when
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
    let answers = Arc::clone(&edge.answers);
    let write_timeout = edge.settings.tuning.write_timeout;
    let server = Arc::new(Server::new(edge));
    let serving = listening.serve(listener, |stream| Arc::clone(&server).connection(stream));
    tokio::select! {
        report = serving => report,
        never = answers.cut_off_stalled(write_timeout) => match never {},
    }
}

/// What the connections share.
struct Server {
    service: Layered,
    builder: http2::Builder<CallExecutor>,
    edge: GrpcEdge,
}

impl Server {
    fn new(edge: GrpcEdge) -> Self {
        Self {
            service: layered(&edge, routes(&edge)),
            builder: builder(&edge),
            edge,
        }
    }

    /// Serves one connection to its end.
    async fn connection(self: Arc<Self>, mut stream: ConnectionStream) {
        let accepted = Arc::clone(stream.connection());
        let preface_timeout = self.edge.settings.tuning.preface_timeout;
        let is_http2 = tokio::select! {
            is_http2 = preface::is_http2(&mut stream, preface_timeout) => is_http2,
            // Its client has not asked for anything yet.
            () = accepted.closing() => false,
        };
        if !is_http2 {
            return;
        }
        let connection = Connection::new(&accepted, &self.edge.answers, &self.edge.hard);
        let own = Arc::clone(&connection);
        let service = self
            .service
            .clone()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Arc::clone(&own));
                request
            });
        let service = TowerToHyperService::new(service);
        let mut serving = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let result = tokio::select! {
            result = drive(serving.as_mut()) => result,
            () = connection.is_cut() => Ok(()),
            () = accepted.closing() => {
                serving.as_mut().graceful_shutdown();
                tokio::select! {
                    result = drive(serving.as_mut()) => result,
                    () = connection.is_cut() => Ok(()),
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(error = %error.to_string().escape_debug(), "a connection ended with an error");
        }
    }
}

/// The services that the port has.
fn routes(edge: &GrpcEdge) -> Routes {
    let limit = edge.settings.max_message_bytes;
    let orders =
        OrderServiceServer::new(Orders::new(edge.clone())).max_decoding_message_size(limit);
    let order_system =
        OrderSystemServer::new(OrderSystem::new(edge.clone())).max_decoding_message_size(limit);
    let order_stream =
        OrderStreamServer::new(OrderStream::new(edge.clone())).max_decoding_message_size(limit);
    let health = HealthServer::new(HealthCheck::new(edge.clone())).max_decoding_message_size(limit);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let invariant = "the descriptors were made by the compiler of the .proto files";
    Routes::new(orders)
        .add_service(order_system)
        .add_service(order_stream)
        .add_service(health)
        .add_service(reflection().build_v1().expect(invariant))
        // Older tools ask for this version.
        .add_service(reflection().build_v1alpha().expect(invariant))
        .prepare()
}

/// How HTTP/2 is spoken.
fn builder(edge: &GrpcEdge) -> http2::Builder<CallExecutor> {
    let settings = &edge.settings;
    let executor = CallExecutor::new(edge.tasks.clone(), settings.tuning.write_timeout);
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
