//! The store under test with what a behaviour does to it most: place, claim, decide, read back.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Counts, Deadline, Erasure, EventContent, EventPage,
    Guard, Ids, ListFilter, ListQuery, NextDue, OrderStore, SequencedEvent, Write,
};
use application::system::SystemIds;
use domain::{
    Bucket, Cause, Decision, EventPosition, Failure, HistoryStatus, IdempotencyKey, Order,
    OrderCommand, OrderId, PlaceOrder, Receipt, ReceiptLocation, Seq, ShardId, Timestamp, UserId,
    Version,
};

use super::{LONG, OpenStore, StoreFactory, sample};

/// A deadline that no healthy store misses.
#[must_use]
pub fn deadline() -> Deadline {
    tokio::time::Instant::now() + Duration::from_secs(60)
}

/// A fresh store of a behaviour, or another process on it.
pub struct Subject {
    /// The store with its surroundings.
    pub opened: Box<dyn OpenStore>,
    /// The store.
    pub store: Arc<dyn OrderStore>,
}

impl From<Box<dyn OpenStore>> for Subject {
    fn from(opened: Box<dyn OpenStore>) -> Self {
        let store = opened.store();
        Self { opened, store }
    }
}

impl Subject {
    /// A new store.
    pub async fn fresh(factory: &dyn StoreFactory) -> Self {
        factory.fresh().await.into()
    }

    /// Another process on the same store, if the store allows one.
    pub async fn second(&self, behaviour: &str) -> Option<Self> {
        let second = self.opened.second().await.map(Self::from);
        if second.is_none() {
            eprintln!("{behaviour}: left out, this store allows one process");
        }
        second
    }

    /// The store as the next process sees it.
    pub async fn reopen(self) -> Self {
        let Self { opened, store } = self;
        drop(store);
        opened.reopen().await.into()
    }

    /// Lets at least this much time pass by the store's clock.
    pub async fn pass(&self, duration: Duration) {
        self.opened.pass(duration).await;
    }

    /// Now, by the clock of this process.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.opened.clock().now()
    }

    /// The shard of a user.
    #[must_use]
    pub fn shard_of(&self, user: &UserId) -> ShardId {
        self.store.shard_of(Bucket::of(user))
    }

    /// The shard of an order.
    #[must_use]
    pub fn shard_of_order(&self, id: OrderId) -> ShardId {
        self.store.shard_of(id.bucket())
    }

    /// Decides to place `command` now.
    #[must_use]
    pub fn decide(&self, command: &PlaceOrder) -> Decision {
        let now = self.now();
        let id = SystemIds.order_id(now, &command.user_id);
        let rendered = ReceiptLocation::Rendered;
        Order::place(command.clone(), id, now, Cause::default(), rendered)
    }

    /// The write of a new order, with a key if one is given.
    #[must_use]
    pub fn new_write(&self, command: &PlaceOrder, key: Option<&str>) -> Write {
        write_new(self.decide(command), command, key)
    }

    /// Commits one write.
    pub async fn commit_one(&self, write: Write) -> Result<Committed, CommitError> {
        let mut answers = self.store.commit(vec![write], deadline()).await;
        assert_eq!(answers.len(), 1, "one write gets one answer");
        answers.remove(0)
    }

    /// Commits one write that the store has no reason to refuse.
    pub async fn must_write(&self, write: Write) -> Seq {
        let what = write.decision.event.id();
        written(self.commit_one(write).await, &what.to_string())
    }

    /// Places an order without key; the order as it was decided, and the seq of its event.
    pub async fn place(&self, command: &PlaceOrder) -> (Arc<Order>, Seq) {
        let write = self.new_write(command, None);
        let order = Arc::clone(&write.decision.order);
        let seq = self.must_write(write).await;
        (order, seq)
    }

    /// Commits a decision about `order` in this state.
    pub async fn advance(&self, order: &Order, decision: Decision) -> Arc<Order> {
        let after = Arc::clone(&decision.order);
        self.must_write(write_at(order, decision)).await;
        after
    }

    /// Holds, releases, cancels... an order in this state.
    pub async fn apply(&self, order: &Order, command: OrderCommand) -> Arc<Order> {
        let decision = order
            .apply(command, self.now(), sample::cause())
            .expect("the behaviour sends a command only if the rules allow it");
        self.advance(order, decision).await
    }

    /// Makes a claimed order PROCESSED.
    pub async fn complete(&self, claimed: &Order) -> Arc<Order> {
        let write = self.completion(claimed);
        let after = Arc::clone(&write.decision.order);
        self.must_write(write).await;
        after
    }

    /// The write that makes a claimed order PROCESSED.
    #[must_use]
    pub fn completion(&self, claimed: &Order) -> Write {
        let receipt_key = Receipt::key_of(&claimed.user_id, claimed.id);
        let decision = claimed
            .complete(None, receipt_key, self.now())
            .expect("a claimed order can be completed");
        write_at(claimed, decision)
    }

    /// Makes a claimed order a dead letter.
    pub async fn fail(&self, claimed: &Order, code: &str) -> Arc<Order> {
        let decision = claimed
            .fail(Failure::new(code, "said the test"), self.now())
            .expect("a claimed order can fail");
        self.advance(claimed, decision).await
    }

    /// Sends a claimed order back, due in `delay`.
    pub async fn retry(&self, claimed: &Order, delay: Duration) -> Arc<Order> {
        let decision = claimed
            .retry(Failure::new("timeout", "said the test"), delay, self.now())
            .expect("a claimed order can be retried");
        self.advance(claimed, decision).await
    }

    /// Claims from one shard.
    pub async fn claim_from(
        &self,
        shard: ShardId,
        limit: usize,
        lease: Duration,
    ) -> Vec<Arc<Order>> {
        self.store
            .claim(shard, ClaimLimits::any(limit), lease)
            .await
            .expect("a healthy store claims")
    }

    /// Claims the order of one shard that runs alone and is due.
    pub async fn claim_alone_from(&self, shard: ShardId, lease: Duration) -> Option<Arc<Order>> {
        self.store
            .claim_quarantined(shard, lease)
            .await
            .expect("a healthy store claims")
    }

    /// Claims all that is due, from every shard.
    pub async fn claim_all(&self, lease: Duration) -> Vec<Arc<Order>> {
        let mut claimed = Vec::new();
        for shard in self.store.shards() {
            loop {
                let batch = self.claim_from(*shard, 100, lease).await;
                if batch.is_empty() {
                    break;
                }
                claimed.extend(batch);
            }
        }
        claimed
    }

    /// Places an order and claims it; there must be no other work.
    pub async fn place_and_claim(&self, command: &PlaceOrder, lease: Duration) -> Arc<Order> {
        let (placed, _) = self.place(command).await;
        self.claim_only(placed.id, lease).await
    }

    /// Claims `id`, which must be the only work that is due in its shard.
    pub async fn claim_only(&self, id: OrderId, lease: Duration) -> Arc<Order> {
        let claimed = self.claim_from(self.shard_of_order(id), 10, lease).await;
        let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
        assert_eq!(ids, [id], "exactly the order that is due is claimed");
        Arc::clone(&claimed[0])
    }

    /// An order that must be there.
    pub async fn get(&self, id: OrderId) -> Arc<Order> {
        self.find_by_id(id)
            .await
            .unwrap_or_else(|| panic!("order {id} was confirmed and is not there"))
    }

    /// An order that may be there.
    pub async fn find_by_id(&self, id: OrderId) -> Option<Arc<Order>> {
        self.store.get(id).await.expect("a healthy store reads")
    }

    /// All events of an order that must be there.
    pub async fn events(&self, id: OrderId) -> Vec<SequencedEvent> {
        self.store
            .order_events(id, None, 10_000)
            .await
            .expect("a healthy store reads")
            .unwrap_or_else(|| panic!("order {id} was confirmed and has no events"))
    }

    /// A stretch of a shard's events.
    pub async fn events_after(&self, shard: ShardId, after: Seq, limit: usize) -> EventPage {
        self.store
            .events_after(shard, after, limit, EventContent::Events)
            .await
            .expect("a healthy store reads")
    }

    /// A stretch of a shard's events with their orders.
    pub async fn events_and_orders_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> EventPage {
        self.store
            .events_after(shard, after, limit, EventContent::EventsAndOrders)
            .await
            .expect("a healthy store reads")
    }

    /// The last seq of a shard.
    pub async fn head(&self, shard: ShardId) -> Seq {
        self.events_after(shard, Seq(0), 1).await.head.seq
    }

    /// The position of the event with this number.
    pub async fn event_position(&self, shard: ShardId, seq: Seq) -> Option<EventPosition> {
        self.store
            .event_position(shard, seq)
            .await
            .expect("a healthy store reads")
    }

    /// Erases an order in this state; the position of its last event.
    pub async fn erase(&self, order: &Order) -> EventPosition {
        self.must_erase(self.erasure(order)).await
    }

    /// Does an erasure that the store has no reason to refuse.
    pub async fn must_erase(&self, erasure: Erasure) -> EventPosition {
        let id = erasure.event.order_id;
        match self.store.erase(erasure, deadline()).await {
            Ok(position) => position,
            Err(error) => panic!("{id} can be erased: {error}"),
        }
    }

    /// The erasure of an order in this state.
    #[must_use]
    pub fn erasure(&self, order: &Order) -> Erasure {
        Erasure {
            event: order
                .erase(self.now())
                .expect("the behaviour erases only if the rules allow it"),
            version: order.version,
            status: order.status,
        }
    }

    /// How many orders have each status.
    pub async fn counts(&self) -> Counts {
        self.store.counts().await.expect("a healthy store counts")
    }

    /// One page with all that `filter` shows, newest first.
    pub async fn list(&self, filter: ListFilter) -> Vec<Arc<Order>> {
        let query = ListQuery {
            filter,
            before: None,
            limit: 100_000,
            scan_limit: 1_000_000,
        };
        self.store
            .list(&query)
            .await
            .expect("a healthy store lists")
            .orders
    }

    /// When work is due in a shard, shared and isolated apart.
    pub async fn next_dues(&self, shard: ShardId) -> NextDue {
        self.store
            .next_due(shard)
            .await
            .expect("a healthy store knows what is due")
    }

    /// How long until work is due in a shard, quarantined or not.
    pub async fn next_due(&self, shard: ShardId) -> Option<Duration> {
        let due = self.next_dues(shard).await;
        due.any_lane().into_iter().chain(due.quarantined).min()
    }

    /// Prolongs leases for long; the claims that are lost.
    pub async fn heartbeat(&self, claims: &[Claim]) -> Vec<Claim> {
        self.store
            .heartbeat(claims, LONG)
            .await
            .expect("a healthy store takes heartbeats")
    }
}

/// The write of a new order, with a key if one is given.
///
/// # Panics
/// If the key is not valid.
#[must_use]
pub fn write_new(decision: Decision, command: &PlaceOrder, key: Option<&str>) -> Write {
    let key = key.map(|key| IdempotencyKey::new(key).expect("the suite's keys are valid"));
    let is_compared = key.is_some() || command.external_id.is_some();
    Write {
        guard: Guard::New {
            key,
            fingerprint: is_compared.then(|| command.fingerprint()),
        },
        decision,
    }
}

/// Decides to place `command` as imported history of `created_at`.
///
/// # Panics
/// Never, while the state machine leads to both ends.
#[must_use]
pub fn decide_history(
    command: &PlaceOrder,
    created_at: Timestamp,
    status: HistoryStatus,
) -> Decision {
    let id = SystemIds.order_id(created_at, &command.user_id);
    Order::place_history(
        command.clone(),
        id,
        created_at,
        sample::cause(),
        ReceiptLocation::Rendered,
        status,
    )
    .expect("the state machine leads from PENDING to PROCESSED and to CANCELLED")
}

/// The write of a decision about `order` in this state.
#[must_use]
pub fn write_at(order: &Order, decision: Decision) -> Write {
    Write {
        decision,
        guard: Guard::At {
            version: order.version,
            status: order.status,
        },
    }
}

/// The claim on a claimed order.
#[must_use]
pub fn claim_of(claimed: &Order) -> Claim {
    Claim {
        order_id: claimed.id,
        token: claimed.version,
    }
}

/// The seq of a write that must have been done.
///
/// # Panics
/// If it was not.
pub fn written(answer: Result<Committed, CommitError>, what: &str) -> Seq {
    match answer {
        Ok(Committed::Written { seq }) => seq,
        other => panic!("{what} should have been written, but the store answered {other:?}"),
    }
}

/// The versions of events, in their order.
#[must_use]
pub fn versions(events: &[SequencedEvent]) -> Vec<u32> {
    events
        .iter()
        .map(|found| Version::get(found.event.version))
        .collect()
}
