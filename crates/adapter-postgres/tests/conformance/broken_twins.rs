//! The conformance suite finds out a store on PostgreSQL that is broken on purpose, in each way for its own reason.

use crate::server;

port_conformance::broken_order_store_suite!(server::Postgres);
