//! The HTTP edge over real sockets and a real store: what clients see, row by row of what bad input gets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod batches;
mod bodies;
mod bounds;
mod contract;
mod dialects;
mod docs_page;
mod event_streams;
mod headers;
mod lists;
mod live_server;
mod logging;
mod openapi;
mod orders;
mod pages;
mod queries;
mod raw;
mod redacted;
mod refusals;
mod server;
mod shown;
mod steering;
mod stopping;
mod streams_under_load;
mod unavailable;
mod websocket;
