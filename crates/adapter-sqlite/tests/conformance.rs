//! The embedded store keeps every promise of its port, and what only it promises: one process a folder, recovery of
//! claims, an index that can be thrown away, and honest answers when the disk fails.

mod embedded;
mod opened;
mod small_window;

use opened::Folders;

port_conformance::order_store_suite!(Folders);
