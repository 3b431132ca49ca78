//! The HTTP edge over real sockets and a real store: what clients see, row by row of what bad input gets.

mod batches;
mod bodies;
mod bounds;
mod faulty_store;
mod headers;
mod lists;
mod live_server;
mod orders;
mod queries;
mod raw;
mod redacted;
mod server;
mod shown;
mod steering;
mod stopping;
mod unavailable;
mod websocket;
