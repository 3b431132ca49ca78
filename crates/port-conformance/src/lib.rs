//! What the ports promise, as tests: one suite per port, which every adapter of it runs over the real thing.
//!
//! An adapter's `tests/conformance.rs` says how to open its store ([`order_store::StoreFactory`],
//! [`receipt_store::ReceiptStoreFactory`]), or how its calls reach the use cases ([`orders::Carrier`]), and expands
//! [`order_store_suite!`], [`receipt_store_suite!`] or [`orders_suite!`]; that is all. A behaviour is a plain function that panics if the adapter breaks the port's promise. [`in_memory`] is the
//! plainest store that keeps every promise. [`broken`] holds adapters that are broken on purpose, so that the suite
//! itself can be tested, and [`faulty`] a store that fails when a test of an edge asks for it. [`captured_logs`] is what
//! such a test reads in the log. Only tests depend on this crate; nothing of it is shipped.

pub mod broken;
pub mod captured_logs;
pub mod faulty;
pub mod in_memory;
pub mod order_store;
pub mod orders;
pub mod receipt_store;
