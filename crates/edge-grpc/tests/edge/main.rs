//! The gRPC edge over real sockets and a real store, through tonic's own client: what clients see, row by row of what
//! bad input gets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod bad_input;
mod batches;
mod bounds;
mod deadlines;
mod dialects;
mod health;
mod intake;
mod logging;
mod orders;
mod raw;
mod reflection;
mod refusals;
mod server;
mod stopping;
mod transport;
mod watching;
