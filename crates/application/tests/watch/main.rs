//! The live hub over a scripted store: what a watcher gets, in which order, and how gaps are announced.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bound_caller;
mod fan_out;
mod restored;
mod resuming;
mod watched_store;
