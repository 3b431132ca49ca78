//! The suite finds out every broken twin of a healthy store, each for its own reason.

port_conformance::broken_order_store_suite!(port_conformance::in_memory::InMemory);
