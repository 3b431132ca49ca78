//! What the HTTP edge and the gRPC edge are set to, from the configuration. Called by the roles that have edges, and by the
//! benchmark, whose ceilings are the same edges before a store that keeps nothing.

use std::time::Duration;

use edge_grpc::GrpcSettings;
use edge_http::EdgeSettings;

use crate::config::Config;

/// The least time for a batch of orders over gRPC: sending it takes time, too.
const LEAST_BATCH_DEADLINE: Duration = Duration::from_secs(30);

/// The settings of the HTTP edge.
#[must_use]
pub fn http_settings(config: &Config) -> EdgeSettings {
    let http = &config.http;
    EdgeSettings {
        default_currency: config.orders.default_currency,
        orders_dialect: config.dialects.orders,
        orderflow_health: config.dialects.orderflow,
        allowed_hosts: http.allowed_hosts.clone(),
        cors_origins: http.cors_origins.clone(),
        trusted_proxies: http.trusted_proxies.clone(),
        max_body_bytes: http.max_body_bytes,
        max_batch_bytes: http.max_batch_bytes,
        max_bodies_bytes: http.max_bodies_bytes,
        max_answers_bytes: http.max_answers_bytes,
        idle_timeout: http.idle_timeout,
        body_timeout: http.body_timeout,
        request_deadline: http.request_timeout,
        max_connections: http.max_connections,
        max_requests_in_flight: http.max_in_flight,
        drain_timeout: config.shutdown.drain,
        log_requests: config.log.requests,
        late_after: config.health.late_after,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tuning: edge_http::Tuning::default(),
    }
}

/// The settings of the gRPC edge.
#[must_use]
pub fn grpc_settings(config: &Config) -> GrpcSettings {
    let grpc = &config.grpc;
    GrpcSettings {
        default_currency: config.orders.default_currency,
        max_message_bytes: grpc.max_message_bytes,
        max_batch_bytes: grpc.max_batch_bytes,
        max_messages_bytes: grpc.max_messages_bytes,
        max_connections: grpc.max_connections,
        trusted_proxies: config.http.trusted_proxies.clone(),
        max_streams_per_connection: grpc.max_streams_per_connection,
        max_calls_in_flight: grpc.max_in_flight,
        max_streams: grpc.max_streams,
        intake_window: grpc.intake_window,
        // The other half of the store's queue is left to all other callers.
        intake_in_flight: (config.store.queue / 2).max(1),
        request_deadline: grpc.request_timeout,
        batch_deadline: LEAST_BATCH_DEADLINE.max(grpc.request_timeout),
        keepalive_after: grpc.keepalive,
        idle_timeout: grpc.idle_timeout,
        drain_timeout: config.shutdown.drain,
        log_calls: config.log.requests,
        tuning: edge_grpc::Tuning::default(),
    }
}
