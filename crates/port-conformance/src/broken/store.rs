//! A store that does everything as the healthy one, but for one fault.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    Claim, Clock, CommitError, Committed, Deadline, EventPage, Guard, ListFilter, ListQuery,
    OrderPage, OrderStore, RescuePolicy, SequencedEvent, Settle, StoreError, Write,
};
use async_trait::async_trait;
use domain::{Event, Order, OrderId, Seq, ShardId, Status};

use super::Fault;
use crate::around::StoreAround;
use crate::order_store::{deadline, write_at};

/// The event that comes late, and how far the shard has got when it comes.
const LATE: Seq = Seq(5);
const APPEARS_AT: Seq = Seq(60);

/// The broken twin of a healthy store.
pub struct BrokenStore {
    healthy: Arc<dyn OrderStore>,
    clock: Arc<dyn Clock>,
    fault: Fault,
    cache: Mutex<HashMap<OrderId, Arc<Order>>>,
    claimed: Mutex<Vec<Arc<Order>>>,
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
        }
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<Order>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self) -> MutexGuard<'_, Vec<Arc<Order>>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn spoil(&self, mut write: Write) -> Write {
        match self.fault {
            Fault::ForgottenKey => {
                if let Guard::New { key, .. } = &mut write.guard {
                    *key = None;
                }
            }
            Fault::DroppedFencing => {
                let id = write.decision.order.id;
                if let Guard::At {
                    version,
                    status: Status::Processing,
                } = &mut write.guard
                    && let Ok(Some(now)) = self.healthy.get(id).await
                    && now.status == Status::Processing
                {
                    *version = now.version;
                    let after = Order {
                        version: now.version.next(),
                        ..(*write.decision.order).clone()
                    };
                    write.decision.event.version = after.version;
                    write.decision.order = Arc::new(after);
                }
            }
            _ => {}
        }
        write
    }

    /// As far as its first conflict.
    async fn commit_until_a_conflict(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let mut answers: Vec<Result<Committed, CommitError>> = Vec::new();
        for write in writes {
            let has_failed = matches!(answers.last(), Some(Err(_)));
            answers.push(if has_failed {
                Err(CommitError::Refused("the batch has failed".to_owned()))
            } else {
                self.healthy.commit(vec![write], deadline).await.remove(0)
            });
        }
        answers
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

    /// A page of all the shard's events after they were spoilt together, numbered afresh: every page tells the same lie.
    async fn page_of_spoilt(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let whole = self.healthy.events_after(shard, Seq(0), 100_000).await?;
        let mut events: Vec<(u32, Arc<Event>)> = whole
            .events
            .into_iter()
            .map(|found| (found.bits, found.event))
            .collect();
        let late = usize::try_from(LATE.0).expect("a small number") - 1;
        if self.fault == Fault::MisnumberedEvents {
            // Nobody sees them as they were before: their numbers are wrong, and stay what they are.
            if events.len() > late + 2 {
                events.swap(late, late + 2);
            } else {
                events.truncate(late);
            }
        } else if self.fault == Fault::HiddenLateCommit
            && whole.head.seq < APPEARS_AT
            && events.len() > late
        {
            events.remove(late);
        }
        let numbered = (1..)
            .zip(events)
            .map(|(number, (bits, event))| SequencedEvent {
                seq: Seq(number),
                bits,
                event,
            });
        let events: Vec<SequencedEvent> = numbered.collect();
        Ok(EventPage {
            head: events
                .last()
                .map(SequencedEvent::position)
                .unwrap_or_default(),
            events: events
                .into_iter()
                .filter(|found| found.seq > after)
                .take(limit)
                .collect(),
        })
    }

    fn spoil_page(&self, mut page: EventPage) -> EventPage {
        let is_late = |found: &SequencedEvent| found.seq == LATE && page.head.seq < APPEARS_AT;
        match self.fault {
            Fault::ReorderedEvents if page.events.len() > 3 => page.events.swap(1, 2),
            Fault::LateCommit => {
                let late = page.events.iter().position(is_late);
                if let Some(late) = late {
                    page.events.remove(late);
                }
            }
            _ => {}
        }
        page
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
        look_at_most: 1_000_000,
    }
}

#[async_trait]
impl StoreAround for BrokenStore {
    fn inner(&self) -> &dyn OrderStore {
        &*self.healthy
    }

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
            _ => self.healthy.commit(spoilt, until).await,
        }
    }

    async fn claim(
        &self,
        shard: ShardId,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let mut claimed = self.healthy.claim(shard, limit, lease).await?;
        if self.fault == Fault::MixedClaim && limit > claimed.len() {
            claimed.extend(self.healthy.claim_alone(shard, lease).await?);
        }
        if self.fault == Fault::SharedClaim && limit > claimed.len() {
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

    async fn settle(
        &self,
        shard: ShardId,
        limit: usize,
        settle: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        if self.fault != Fault::UnwrittenSettlement {
            return self.healthy.settle(shard, limit, settle).await;
        }
        let pending = self.healthy.list(&all_of(Status::Pending, limit)).await?;
        let of_shard = pending
            .orders
            .iter()
            .filter(|order| self.healthy.shard_of(order.id.bucket()) == shard);
        let claims = of_shard.filter_map(|order| order.claim(self.clock.now()).ok());
        Ok(claims
            .map(|claim| settle.settle(&claim.order).decision.order)
            .collect())
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

    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        let found = self.healthy.get(id).await?;
        if self.fault != Fault::StaleReads {
            return Ok(found);
        }
        Ok(found.map(|order| Arc::clone(self.cache().entry(id).or_insert(order))))
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        let mut page = self.healthy.list(query).await?;
        if self.fault == Fault::ForgetfulList && query.before.is_none() && !page.orders.is_empty() {
            page.orders.remove(0);
        }
        Ok(page)
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        if matches!(
            self.fault,
            Fault::HiddenLateCommit | Fault::MisnumberedEvents
        ) {
            return self.page_of_spoilt(shard, after, limit).await;
        }
        let page = self.healthy.events_after(shard, after, limit).await?;
        Ok(self.spoil_page(page))
    }
}
