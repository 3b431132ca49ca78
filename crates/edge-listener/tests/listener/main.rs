//! A listener under attack, over real sockets: a small hyper service takes the part of an edge, clients hold connections or do not
//! take their answers, and a good client is served meanwhile.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

mod idle_connections;
mod server;
mod slow_clients;
mod unread_answers;
