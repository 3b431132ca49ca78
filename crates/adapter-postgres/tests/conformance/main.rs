//! The store on a real PostgreSQL server: the conformance suite of its port, and what only this store promises.

mod batches;
mod broken_twins;
mod claims;
mod connections;
mod erasure;
mod full_disk;
mod map_epochs;
mod notifications;
mod orders;
mod outage;
mod own_server;
mod processes;
mod queries;
mod server;
mod server_clock;
mod setup;
mod tls;
mod unreadable;
mod views;

port_conformance::order_store_suite!(server::Postgres);
