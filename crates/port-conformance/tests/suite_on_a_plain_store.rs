//! The suite on the plainest store that keeps every promise: a promise that this store breaks is no promise.

port_conformance::order_store_suite!(port_conformance::in_memory::InMemory);
