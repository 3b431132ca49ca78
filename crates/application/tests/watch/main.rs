//! The live hub over a scripted store: what a watcher is handed, in which order, and what it is told of gaps.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fan_out;
mod resuming;
mod scripted_store;
