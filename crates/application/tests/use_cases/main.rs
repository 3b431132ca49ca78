//! The use cases over a store in memory: what callers get, and what is recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bound_caller;
mod commands;
mod history;
mod names;
mod opened;
mod receipts;
mod scopes;
mod store_health;
