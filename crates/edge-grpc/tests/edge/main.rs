//! The gRPC edge over real sockets and a real store, through tonic's own client: what clients see, row by row of what
//! bad input gets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod bad_input;
mod bad_orders;
mod batches;
mod bounds;
mod commands;
mod dead_letters;
mod deadlines;
mod dialects;
mod events;
mod forbidden;
mod health;
mod held_up;
mod intake;
mod logging;
mod orders;
mod raw;
mod receipts;
mod reflection;
mod refusals;
mod server;
mod stats;
mod stopping;
mod transport;
mod watching;
