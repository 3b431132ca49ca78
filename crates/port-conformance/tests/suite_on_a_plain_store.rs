//! The suite on the plainest store that keeps every promise: a promise that this store breaks is no promise.

mod in_memory;

port_conformance::order_store_suite!(in_memory::InMemory);
