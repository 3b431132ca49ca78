//! What the parts of one shard tell each other about it. Shared by the store, the shard's reads and its writer.

use std::sync::atomic::AtomicBool;

/// The state of one shard in this process.
pub(crate) struct ShardState {
    /// The schema was seen to be ours; until then nothing is read from it.
    pub(crate) is_prepared: AtomicBool,
}
