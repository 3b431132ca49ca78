//! A worker as its callers see it: ports on one side, tokens and a report on the other.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod batches;
mod calls;
mod endpoint_busy;
mod endpoint_down;
mod failing_customers;
mod failing_store;
mod house;
mod leases;
mod limits;
mod on_sqlite;
mod outcomes;
mod process_after;
mod receipts;
mod stop;
mod store_down;
