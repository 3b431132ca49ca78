//! What the gRPC edge is set to, from the configuration.

use std::time::Duration;

use edge_grpc::{GrpcSettings, Tuning};

use crate::config::Config;

/// A batch takes its time to be sent, too.
const LEAST_BATCH_DEADLINE: Duration = Duration::from_secs(30);

/// The edge's settings.
pub fn settings(config: &Config) -> GrpcSettings {
    let grpc = &config.grpc;
    GrpcSettings {
        default_currency: config.orders.default_currency,
        max_message_bytes: grpc.max_message_bytes,
        max_batch_bytes: grpc.max_batch_bytes,
        max_messages_bytes: grpc.max_messages_bytes,
        max_connections: grpc.max_connections,
        max_streams_per_connection: grpc.max_streams_per_connection,
        max_calls_in_flight: grpc.max_in_flight,
        max_streams: grpc.max_streams,
        intake_window: grpc.intake_window,
        // The other half of the store's queue is for everybody else.
        intake_in_flight: (config.store.queue / 2).max(1),
        request_deadline: grpc.request_timeout,
        batch_deadline: LEAST_BATCH_DEADLINE.max(grpc.request_timeout),
        keepalive_after: grpc.keepalive,
        idle_timeout: grpc.idle_timeout,
        drain_timeout: config.shutdown.drain,
        log_calls: config.log.requests,
        tuning: Tuning::default(),
    }
}
