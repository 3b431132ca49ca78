//! The conformance suite finds out a store on SQLite that is broken on purpose, in each way for its own reason.

mod opened;

use opened::Folders;

port_conformance::broken_order_store_suite!(Folders);
