//! A store that does everything as the healthy one does, except for one fault.

mod pages;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Committed, Counts, Deadline, Erasure, EventContent,
    EventFeed, EventPage, ListFilter, ListQuery, NextDue, OrderPage, OrderReader, OrderStore,
    OrderWriter, RescuePolicy, SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{
    Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, Status, Timestamp, UserId,
    Version,
};

use super::Fault;
use super::erasing::Remembered;
use crate::order_store::{deadline, write_at};

/// The broken twin of a healthy store.
pub struct BrokenStore {
    pub(super) healthy: Arc<dyn OrderStore>,
    clock: Arc<dyn Clock>,
    pub(super) fault: Fault,
    cache: Mutex<HashMap<OrderId, Arc<Order>>>,
    claimed: Mutex<Vec<Arc<Order>>>,
    remembered: Mutex<Remembered>,
    history: Mutex<HashMap<Timestamp, usize>>,
    /// What was claimed and not handed out yet.
    pub(super) ahead: Mutex<Vec<Arc<Order>>>,
}

impl BrokenStore {
    /// Breaks `healthy` in one way.
    pub fn new(healthy: Arc<dyn OrderStore>, clock: Arc<dyn Clock>, fault: Fault) -> Self {
        Self {
            healthy,
            clock,
            fault,
            cache: Mutex::default(),
            claimed: Mutex::default(),
            remembered: Mutex::default(),
            history: Mutex::default(),
            ahead: Mutex::default(),
        }
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<Order>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self) -> MutexGuard<'_, Vec<Arc<Order>>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Rescues whatever is PROCESSING.
    async fn rescue_everything(
        &self,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let query = all_of(Status::Processing, limit);
        let mut rescued = Vec::new();
        for order in self.healthy.list(&query).await?.orders {
            let lost = order.lose_lease(policy.max_attempts, policy.delay, self.clock.now());
            if let Ok(decision) = lost {
                rescued.push(Arc::clone(&decision.order));
                let write = write_at(&order, decision);
                self.healthy.commit(vec![write], deadline()).await;
            }
        }
        Ok(rescued)
    }
}

fn all_of(status: Status, limit: usize) -> ListQuery {
    ListQuery {
        filter: ListFilter {
            status: Some(status),
            ..ListFilter::default()
        },
        before: None,
        limit,
        scan_limit: 1_000_000,
    }
}

impl Sharded for BrokenStore {
    fn shards(&self) -> &[ShardId] {
        self.healthy.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.healthy.shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for BrokenStore {
    async fn commit(
        &self,
        writes: Vec<Write>,
        until: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let mut spoilt = Vec::with_capacity(writes.len());
        for write in writes {
            spoilt.push(self.spoil(write).await);
        }
        match self.fault {
            Fault::BatchFailsTogether => self.commit_until_a_conflict(spoilt, until).await,
            Fault::ExpiredYetWritten if until < tokio::time::Instant::now() => {
                let count = spoilt.len();
                self.healthy.commit(spoilt, deadline()).await;
                vec![Err(StoreError::Expired.into()); count]
            }
            _ => self.commit_or_refuse(spoilt, until).await,
        }
    }

    async fn erase(
        &self,
        mut erasure: Erasure,
        until: Deadline,
    ) -> Result<EventPosition, CommitError> {
        let id = erasure.event.order_id;
        let order = self.healthy.get(id).await?;
        if let (Fault::UnguardedErasure, Some(order)) = (self.fault, &order) {
            erasure.version = order.version;
            erasure.status = order.status;
            erasure.event.version = order.version.next();
        }
        let events = self.healthy.order_events(id, None, 10_000).await?;
        let position = self.healthy.erase(erasure, until).await?;
        if let (Some(order), Some(events)) = (order, events) {
            self.remembered().note_erased(&order, events);
        }
        Ok(self.spoil_bits(position))
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        if self.fault == Fault::ProbeTakesWork {
            let lease = Duration::from_secs(60);
            self.healthy
                .claim(shard, ClaimLimits::any(1), lease)
                .await?;
        }
        self.healthy.probe_commit(shard).await
    }

    async fn close(&self) {
        self.healthy.close().await;
    }
}

#[async_trait]
impl OrderReader for BrokenStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        let found = self.healthy.get(id).await?;
        if self.fault != Fault::StaleReads {
            return Ok(found);
        }
        Ok(found.map(|order| Arc::clone(self.cache().entry(id).or_insert(order))))
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.healthy.find(user, external_id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        let mut page = self.healthy.list(query).await?;
        if self.fault == Fault::ForgetfulList && query.before.is_none() && !page.orders.is_empty() {
            page.orders.remove(0);
        }
        if self.fault == Fault::KeptInLists {
            self.remembered().add_to_list(query, &mut page);
        }
        Ok(page)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = self.healthy.counts().await?;
        if self.fault == Fault::KeptCounts {
            self.remembered().add_to_counts(&mut counts);
        }
        Ok(counts)
    }
}

#[async_trait]
impl EventFeed for BrokenStore {
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        if matches!(
            self.fault,
            Fault::HiddenLateCommit | Fault::MisnumberedEvents
        ) {
            return self.page_of_spoilt(shard, after, limit).await;
        }
        if self.fault == Fault::TornPages && content == EventContent::EventsAndOrders {
            return self.torn_page(shard, after, limit).await;
        }
        let page = self
            .healthy
            .events_after(shard, after, limit, content)
            .await?;
        let mut page = self.spoil_page(page);
        if content == EventContent::EventsAndOrders {
            self.spoil_orders(&mut page);
        }
        Ok(page)
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        if self.fault == Fault::MistakenPositions && seq > Seq(1) {
            let before = Seq(seq.0 - 1);
            let position = self.healthy.event_position(shard, before).await?;
            return Ok(position.map(|position| EventPosition { seq, ..position }));
        }
        let position = self.healthy.event_position(shard, seq).await?;
        Ok(position.map(|position| self.spoil_bits(position)))
    }

    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        let mut events = self.healthy.order_events(id, after, limit).await?;
        for found in events.iter_mut().flatten() {
            found.bits = self.spoil_bits(found.position()).bits;
        }
        Ok(events)
    }
}

#[async_trait]
impl WorkQueue for BrokenStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let mut claimed = self.claim_in_wrong_order(shard, limits, lease).await?;
        if self.fault == Fault::MixedClaim && limits.total > claimed.len() {
            claimed.extend(self.healthy.claim_quarantined(shard, lease).await?);
        }
        if self.fault == Fault::ReleasedAmongOthers && limits.total > claimed.len() {
            let pending = self.healthy.list(&all_of(Status::Pending, 1_000)).await?;
            if pending.orders.iter().any(|order| order.is_quarantined()) {
                claimed.extend(self.healthy.claim_quarantined(shard, lease).await?);
            }
        }
        if self.fault == Fault::SharedClaim && limits.total > claimed.len() {
            // One claim, once: the last one of the first batch that was not full.
            let mut shared = self.claimed();
            if shared.is_empty() {
                shared.extend(claimed.last().cloned());
            } else if shared.len() == 1 {
                claimed.push(Arc::clone(&shared[0]));
                shared.extend_from_within(..);
            }
        }
        Ok(claimed)
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.healthy.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        if self.fault != Fault::UnfencedHeartbeat {
            return self.healthy.heartbeat(claims, lease).await;
        }
        let mut current = Vec::with_capacity(claims.len());
        for claim in claims {
            let now = self.healthy.get(claim.order_id).await?;
            let token = now.map_or(claim.token, |order| order.version);
            current.push(Claim { token, ..*claim });
        }
        self.healthy.heartbeat(&current, lease).await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        if self.fault == Fault::RescuedLiveLease {
            self.rescue_everything(policy, limit).await
        } else {
            self.healthy.rescue(shard, policy, limit).await
        }
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        let due = self.healthy.next_due(shard).await?;
        Ok(self.merge_lanes(due))
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.healthy.oldest_due_age(shard).await
    }
}
