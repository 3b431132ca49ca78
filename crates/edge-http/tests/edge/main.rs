//! The HTTP edge over real sockets and a real store: what clients see, and what each kind of bad input gets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod answer;
mod batches;
mod beside;
mod bodies;
mod bounds;
mod browsers;
mod commands;
mod contract;
mod dialects;
mod docs_page;
mod erased;
mod event_streams;
mod full_order;
mod headers;
mod health;
mod history;
mod idle_clients;
mod lists;
mod logging;
mod messages;
mod money_faults;
mod openapi;
mod orders;
mod pages;
mod queries;
mod raw;
mod redacted;
mod refusals;
mod server;
mod shown;
mod sockets;
mod steering;
mod stopping;
mod streams_under_load;
mod totals;
mod unavailable;
mod unread_answers;
mod websocket;
