//! The index by user, idempotency key and external id: kept beside the orders, in a file of its own, so that no
//! commit waits for a tree in random order.
//!
//! What was committed last is in memory ([`memtable`]); a thread ([`indexer`]) moves it to the file ([`mod@file`]) in sorted
//! batches, each a run of its own, and merges [`runs`]. Whoever looks something up reads the memtable first and the file
//! ([`reader`]) second: an entry leaves the memtable only after it is in the file, so it is never missed (it may be seen twice). A
//! [`filter`] spares most looks at the file. The file can always be built again from the log; it is therefore not synced
//! at every step, and thrown away where it does not fit its orders.

pub(crate) mod file;
pub(crate) mod filter;
pub(crate) mod indexer;
pub(crate) mod memtable;
pub(crate) mod names;
pub(crate) mod reader;
pub(crate) mod runs;
