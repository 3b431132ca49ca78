//! The conformance suite of the ports against the embedded store, and tests of what only this store guarantees: one process
//! for each folder, recovery of claims, an index that can be rebuilt, and correct answers when the disk fails.

mod embedded;
mod opened;
mod small_window;

use opened::Folders;

port_conformance::order_store_suite!(Folders);
