//! The `http` handler against real servers on the loopback interface: axum for what a server would answer, bare sockets
//! for what none should.
#![expect(clippy::unwrap_used, reason = "a test's setup fails the test")]

mod answers;
mod broken_endpoints;
mod connections;
mod document;
mod proxies;
mod requests;
mod servers;
mod tls;
