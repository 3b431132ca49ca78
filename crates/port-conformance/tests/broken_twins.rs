//! The suite finds out every broken twin of a healthy store, each for its own reason.

mod in_memory;

port_conformance::broken_order_store_suite!(in_memory::InMemory);
