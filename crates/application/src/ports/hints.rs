//! Hints: wake-ups that may be lost. The truth is always in the store; a slow scan runs beside every hint.

use domain::{Seq, ShardId};
use tokio::sync::watch;

/// Tells workers that a shard may have due work.
pub trait Dispatch: Send + Sync + 'static {
    /// Called by a store once a commit that left due work is durable. Never blocks.
    fn work_is_due(&self, shard: ShardId);

    /// The receiver changes after [`Dispatch::work_is_due`] of that shard, in this process or, where the
    /// implementation reaches further, in another. Several hints may arrive as one.
    fn subscribe(&self, shard: ShardId) -> watch::Receiver<u64>;
}

/// Tells watchers that a shard has new events.
pub trait StatusBus: Send + Sync + 'static {
    /// Called by a store once the events up to `seq` are durable. Never blocks.
    fn committed(&self, shard: ShardId, seq: Seq);

    /// The receiver holds the largest seq that was heard of. Several hints may arrive as one.
    fn subscribe(&self, shard: ShardId) -> watch::Receiver<Seq>;
}
