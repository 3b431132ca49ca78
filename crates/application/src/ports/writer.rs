//! Writing orders: the commit of decisions, and what keeps a decision from being committed.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Decision, Event, EventPosition, Fingerprint, IdempotencyKey, Order, Seq, ShardId, Status,
    Version,
};

use super::shards::StoreError;

/// How much room [`OrderWriter::probe_commit`] asks for: enough for a large order.
pub const PROBE_BYTES: usize = 1024 * 1024;

/// When a caller stops waiting.
pub type Deadline = tokio::time::Instant;

/// A decision on its way into the store.
#[derive(Debug, Clone)]
pub struct Write {
    /// What was decided.
    pub decision: Decision,
    /// What must be true for it to be written.
    pub guard: Guard,
}

/// The removal of an order and of everything that belongs to it, except the places of its events in the feed.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The last event of the order ([`Order::erase`]), which stays in the feed.
    pub event: Event,
    /// The version that the erasure was decided from. The order is erased only if it still has it.
    pub version: Version,
    /// The status that the erasure was decided from. The order is erased only if it still has it.
    pub status: Status,
}

/// The condition of a [`Write`], checked by the store in the transaction that writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The order is new. Its key, if any, is looked at before its external id.
    New {
        /// The client's key: bound, per user, by the commit alone.
        key: Option<IdempotencyKey>,
        /// The command's fingerprint; required where there is a key or an external id.
        fingerprint: Option<Fingerprint>,
    },
    /// The order stands exactly so. For a claimed order this is its fencing token with PROCESSING.
    At {
        /// The version that the decision was made from.
        version: Version,
        /// The status that the decision was made from.
        status: Status,
    },
}

/// What became of a [`Write`] that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Durable. `seq` is the place of its (last) event in the order's shard.
    Written {
        /// The place.
        seq: Seq,
    },
    /// The key was bound to the same command before: the order of then, as it is now. Nothing was written.
    Replayed(Arc<Order>),
    /// No key, or a new one, but the external id is known with the same command: the order as it is now. Nothing
    /// was written, and the key is not bound.
    Existing(Arc<Order>),
}

/// Why a [`Write`] was not done. Each write of a batch fails or succeeds alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The key is bound to another command. Permanent.
    #[error("the idempotency key was used before, with another body")]
    KeyReused,
    /// The external id names an order made by another command. Permanent.
    #[error("the external id names another order")]
    ExternalIdTaken,
    /// The guard [`Guard::At`] does not hold: the order has moved on, or is not there. Conflict: read and decide again.
    #[error("the order has changed since it was read")]
    Stale,
    /// The store cannot hold this decision (it breaks a constraint). Permanent, and this write's alone.
    #[error("the store refuses the decision: {0}")]
    Refused(String),
    /// The store failed; see [`StoreError`] for whether the write may have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes decisions. Use cases and the worker call it; nothing else changes an order.
///
/// - Durability: [`OrderWriter::commit`] and [`OrderWriter::erase`] return after the transaction is on stable storage.
/// - Atomicity: an order, its key, external id, events and job are written together or not at all. The writes of one call
///   are otherwise independent and may end up in different transactions.
/// - Due times: work of [`domain::Job::DueIn`] is due that long after the commit, and never later than that long from now,
///   however the store's wall clock is set: the delay is stored, and a clock that was set back starts it anew. Work of
///   [`domain::Job::DueAt`] is due once the store's wall clock has reached the time, also after a restart and after the
///   clock was set.
/// - Every wait is bounded by the caller's deadline or by the store's own settings.
/// - After each commit the store publishes a hint, once per commit.
#[async_trait]
pub trait OrderWriter: Send + Sync + 'static {
    /// Writes decisions; one answer a write, in the same order. Writes to the same order are done in the order given.
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>>;

    /// Erases an order: it is no longer found, listed or counted, its key and external id are free, and its events are
    /// tombstones ([`Event::tombstone`]) at their places. Returns the position of `erasure.event`, which is its last.
    /// Fails with [`CommitError::Stale`] if the order is not at the given version and status, or is not there.
    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError>;

    /// Finds out whether a shard takes commits, by a small one that no reader can see. It succeeds only if there is room for
    /// [`PROBE_BYTES`], so that a shard whose disk is full is not believed to have room because of a few free bytes.
    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError>;

    /// Stops taking writes, finishes what was taken, flushes and closes. Idempotent.
    async fn close(&self);
}
