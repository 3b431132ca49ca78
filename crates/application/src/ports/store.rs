//! The order store: the one place where an order is durable.

use std::sync::Arc;
use std::time::Duration;

use super::work::{Claim, ClaimLimits, NextDue, RescuePolicy};
use async_trait::async_trait;
use domain::{
    Bucket, Decision, Event, EventPosition, ExternalId, Fingerprint, IdempotencyKey, Order,
    OrderId, Seq, ShardId, Source, Status, Timestamp, UserId, Version,
};

/// How much room [`OrderStore::probe_commit`] asks for: enough for a large order.
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

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Its queue is full. Nothing was written. Retryable.
    #[error("the store is overloaded: {limit} decisions wait already (setting store.queue)")]
    Overloaded {
        /// The bound of the queue.
        limit: usize,
    },
    /// The deadline passed before the write began. Nothing was and will be written. Retryable.
    #[error("the deadline passed before the store could begin")]
    Expired,
    /// A shard cannot be reached. Nothing was written. Retryable.
    #[error("shard {shard} is unavailable: {reason}")]
    Unavailable {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// A shard has no room left. Nothing was written. Retryable once there is room.
    #[error("shard {shard} has no room left: {reason}; free space on its disk")]
    Full {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// The connection broke, or the deadline passed, while the write was under way: it may or may not be there.
    /// The key finds out.
    #[error("shard {shard} did not confirm the write: {reason}")]
    Unknown {
        /// Which one.
        shard: ShardId,
        /// What the operator should know.
        reason: String,
    },
    /// What is stored cannot be read. Permanent.
    #[error("shard {shard} holds something unreadable: {reason}")]
    Corrupt {
        /// Which one.
        shard: ShardId,
        /// What was found.
        reason: String,
    },
}

/// An event with its position in its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedEvent {
    /// Its number.
    pub seq: Seq,
    /// The random bits that were stored with it.
    pub bits: u32,
    /// The event; a tombstone if its order was erased.
    pub event: Arc<Event>,
}

impl SequencedEvent {
    /// The event's position.
    #[must_use]
    pub const fn position(&self) -> EventPosition {
        EventPosition {
            seq: self.seq,
            bits: self.bits,
        }
    }
}

/// A stretch of a shard's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// In the order of `seq`, without gaps.
    pub events: Vec<SequencedEvent>,
    /// The last position of the shard when the page was read.
    pub head: EventPosition,
}

/// Which orders a list shows; all given conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this user.
    pub user_id: Option<UserId>,
    /// With this external id. It leads to its orders by itself: whatever is newer, none is looked at in vain.
    pub external_id: Option<ExternalId>,
    /// Standing so.
    pub status: Option<Status>,
    /// Come in there.
    pub source: Option<Source>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before then.
    pub created_to: Option<Timestamp>,
    /// A prefix of the external id, of a line's SKU or of a line's product name, by exact characters.
    pub text_prefix: Option<String>,
    /// With this code of [`domain::Failure`] (dead letters by reason).
    pub failure_code: Option<String>,
}

impl ListFilter {
    /// Whether `order` is shown. The one definition that every store agrees with.
    #[must_use]
    pub fn matches(&self, order: &Order) -> bool {
        let text_matches = |prefix: &str| {
            order
                .external_id
                .as_ref()
                .is_some_and(|id| id.as_str().starts_with(prefix))
                || order.lines.iter().any(|line| {
                    line.product_name.as_str().starts_with(prefix)
                        || line
                            .sku
                            .as_ref()
                            .is_some_and(|sku| sku.as_str().starts_with(prefix))
                })
        };
        self.user_id
            .as_ref()
            .is_none_or(|user| *user == order.user_id)
            && self
                .external_id
                .as_ref()
                .is_none_or(|id| order.external_id.as_ref() == Some(id))
            && self.status.is_none_or(|status| status == order.status)
            && self.source.is_none_or(|source| source == order.source)
            && self
                .created_from
                .is_none_or(|from| order.created_at >= from)
            && self.created_to.is_none_or(|to| order.created_at < to)
            && self.text_prefix.as_deref().is_none_or(text_matches)
            && self.failure_code.as_deref().is_none_or(|code| {
                order
                    .failure
                    .as_ref()
                    .is_some_and(|failure| *failure.code == *code)
            })
    }
}

/// A page of a list, newest first: by descending id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// What to show.
    pub filter: ListFilter,
    /// Only orders with a smaller id: where the previous page ended.
    pub before: Option<OrderId>,
    /// The most orders to return.
    pub limit: usize,
    /// The most orders to look at; past it a page is short, with a continuation.
    pub look_at_most: usize,
}

/// What a [`ListQuery`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// Newest first.
    pub orders: Vec<Arc<Order>>,
    /// Where the next page goes on ([`ListQuery::before`]); `None` where there is certainly nothing more.
    pub next_before: Option<OrderId>,
}

/// How many orders have each status, all counted at one point in time of each shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    by_status: [u64; Status::ALL.len()],
    /// How many orders were erased. They are in no other count.
    pub erased: u64,
}

impl Counts {
    /// How many orders have `status`.
    #[must_use]
    pub const fn get(&self, status: Status) -> u64 {
        self.by_status[status.index()]
    }

    /// Sets the count of one status.
    pub const fn set(&mut self, status: Status, count: u64) {
        self.by_status[status.index()] = count;
    }

    /// All orders that exist.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// Adds another shard's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.by_status.iter_mut().zip(other.by_status) {
            *mine += theirs;
        }
        self.erased += other.erased;
    }
}

/// Decides at once what becomes of an order. Called by a store within its transaction: it must not wait, call
/// anything outside, or panic.
pub trait Settle: Send + Sync + 'static {
    /// The outcome of `claimed`, which [`Order::claim`] has made and which is not written yet. What is written is the
    /// claim and this outcome as one ([`domain::Decision::then`]), under the guard of the order before the claim.
    fn settle(&self, claimed: &Order) -> Write;
}

/// Keeps orders, their keys, events and jobs.
///
/// - Durability: [`OrderStore::commit`], [`OrderStore::erase`] and [`OrderStore::claim`] return after the transaction is
///   on stable storage.
/// - Atomicity: an order, its key, external id, events and job are written together or not at all; writes of one call
///   are otherwise independent and may end up in different transactions.
/// - Order: per shard, events are numbered in commit order without gaps, and a reader that has seen `seq` never later
///   sees a smaller one appear.
/// - Positions: every event is stored with 32 random bits, which a tombstone keeps. Two histories that give one number to
///   different events (a store and its restored backup) differ in the bits, except by chance.
/// - Reads see every write that was confirmed before they began.
/// - Due times: work of [`domain::Job::DueIn`] is due that long after the commit, and never later than that long from now,
///   however the store's wall clock is set: the delay is stored, and a clock that was set back starts it anew. Work of
///   [`domain::Job::DueAt`] is due once the store's wall clock has reached the time, also after a restart and after the
///   clock was set.
/// - Every wait is bounded by the caller's deadline or by the store's own settings.
/// - After each commit the store hints to its `Dispatch` and `StatusBus`, once per commit.
#[async_trait]
pub trait OrderStore: Send + Sync + 'static {
    /// The shards, ascending.
    fn shards(&self) -> &[ShardId];

    /// Which shard owns a bucket.
    fn shard_of(&self, bucket: Bucket) -> ShardId;

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

    /// Runs `ask`, within which commits may be begun one after the other, none of them waited for. A store that commits in
    /// groups does not begin one in between, so that what is asked for together is answered together. Nothing else about
    /// a commit changes, and a store without groups just runs it.
    fn together(&self, ask: &mut dyn FnMut()) {
        ask();
    }

    /// Takes orders of a shard whose work is due, by [`Order::claim`]; they are PROCESSING when it returns, under a lease of
    /// `lease` by the store's clock. Two claims never share an order. Quarantined orders ([`Order::is_quarantined`]) are
    /// passed over.
    ///
    /// How many orders each [`domain::Lane`] gives is [`ClaimLimits::allot`]'s decision. Within a lane the store goes round
    /// the home buckets, claim after claim, and takes the oldest due orders of each, at most [`PER_BUCKET`](super::PER_BUCKET)
    /// before the next bucket has its turn. So the work of one customer, however much of it is due, does not keep that of
    /// others waiting.
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError>;

    /// Takes the quarantined order ([`Order::is_quarantined`]) of a shard that is due for longest, as [`OrderStore::claim`]
    /// takes the others. The caller sees to it that nothing else is worked on meanwhile in this process.
    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError>;

    /// Takes up to `limit` due orders of a shard, and writes what `settle` decides of each in the same transaction: for
    /// work that takes no time there is no lease, and no moment at which a crash leaves an order claimed. Lanes share as in
    /// [`ClaimLimits::any`], and quarantined orders are taken after the others. Returns the orders as they stand after it.
    async fn settle(
        &self,
        shard: ShardId,
        limit: usize,
        settle: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError>;

    /// Prolongs leases to `lease` from now, where id, token and PROCESSING still hold and whether or not the lease
    /// has run out meanwhile; returns the claims that are lost.
    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError>;

    /// Takes back up to `limit` orders whose lease has run out, by [`Order::lose_lease`], and returns them as they
    /// stand after it. A live lease is never touched.
    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError>;

    /// An order by its id.
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError>;

    /// An order by its user's number for it.
    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError>;

    /// A page of orders, newest first, exact: nothing that was confirmed is missing, nothing comes twice.
    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError>;

    /// The events of an order with a version above `after`, ascending, at most `limit`; `None` for an unknown order and
    /// for an erased one.
    async fn events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError>;

    /// The events of a shard after `after`, at most `limit`; tombstones of erased orders at their places.
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError>;

    /// The position of the event with this number: tells whether a cursor is of this store's history. `Seq(0)` is at the
    /// default position; `None` for a number that the shard has not reached.
    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError>;

    /// How many orders have each status, over all shards.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// For how long the order of a shard that is due for longest has waited since it became due, quarantined ones
    /// included; `None` if none is due.
    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError>;

    /// Finds out whether a shard takes commits, by a small one that no reader can see. It succeeds only if there is room for
    /// [`PROBE_BYTES`], so that a shard whose disk is full is not believed to have room because of a few free bytes.
    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError>;

    /// When the next work of a shard is due.
    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError>;

    /// Stops taking writes, finishes what was taken, flushes and closes. Idempotent.
    async fn close(&self);
}
