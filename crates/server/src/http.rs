//! The listeners: bound before anything is promised, announced on standard output with their real addresses.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use edge_http::{EdgeSettings, Tuning};
use tokio::net::TcpListener;

use crate::config::Config;

/// Connections that wait in the system until they are accepted.
const BACKLOG: u32 = 4096;

/// Binds an address.
///
/// # Errors
/// Where it is taken or not allowed; the message names the setting to change.
pub fn bind(addr: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let remedy = || {
        format!(
            "cannot listen on {addr}: stop what uses it, or choose another address (setting {setting})"
        )
    };
    let socket = match addr {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
    }
    .with_context(remedy)?;
    // A restart must not wait until the old connections have been forgotten.
    socket.set_reuseaddr(true).with_context(remedy)?;
    socket.bind(addr).with_context(remedy)?;
    socket.listen(BACKLOG).with_context(remedy)
}

/// Prints one line a listener, once it answers.
///
/// # Errors
/// Where standard output is closed.
pub fn announce(name: &str, scheme: &str, addr: SocketAddr, path: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}: listening on {scheme}://{addr}{path}")?;
    out.flush().context("cannot print the address")
}

/// The edge's settings.
pub fn settings(config: &Config) -> EdgeSettings {
    let http = &config.http;
    EdgeSettings {
        default_currency: config.orders.default_currency,
        orders_dialect: config.dialects.orders,
        orderflow_health: config.dialects.orderflow,
        max_body_bytes: http.max_body_bytes,
        max_batch_bytes: http.max_batch_bytes,
        max_bodies_bytes: http.max_bodies_bytes,
        header_timeout: http.header_timeout,
        body_timeout: http.body_timeout,
        request_deadline: http.request_timeout,
        max_connections: http.max_connections,
        max_requests_in_flight: http.max_in_flight,
        drain_timeout: config.shutdown.drain,
        log_requests: config.log.requests,
        late_after: config.health.late_after,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tuning: Tuning::default(),
    }
}
