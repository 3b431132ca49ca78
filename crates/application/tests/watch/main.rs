//! The live hub over a scripted store: what a watcher is handed, in which order, and what it is told of gaps.

mod fan_out;
mod resuming;
mod scripted_store;
