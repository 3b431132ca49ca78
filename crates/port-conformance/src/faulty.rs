//! A real store that fails on demand while it runs: what a full queue, a lost shard or a slow disk look like from the
//! edges, whose tests use it. It keeps the port's promises in every mode except [`FaultMode::Panicking`]. Beside it, a receipt
//! store that cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, CommitError, Committed, Counts, Deadline, Erasure, EventContent, EventFeed,
    EventPage, Guard, ListQuery, NextDue, OrderPage, OrderReader, OrderStore, OrderWriter,
    ReceiptError, ReceiptStore, RescuePolicy, SequencedEvent, Sharded, StoreError, WorkQueue,
    Write,
};
use async_trait::async_trait;
use domain::{
    Bucket, Cause, EventPosition, ExternalId, Order, OrderCommand, OrderId, Receipt, Seq, ShardId,
    Status, UserId, Version,
};
use tokio::sync::watch;

/// What the store does from now on.
#[derive(Debug, Clone)]
pub enum FaultMode {
    /// Every call works.
    Well,
    /// Every call fails with this error.
    Failing(StoreError),
    /// Every commit, and every probe of commits, fails with this error; reads work.
    CommitsFailing(StoreError),
    /// Every call takes this long before it begins.
    Slow(Duration),
    /// Every commit is done, and its answer comes this much later.
    LateAnswers(Duration),
    /// Every call waits for another mode before it begins.
    Held,
    /// Every commit is refused as something that the store cannot hold, for this reason.
    Refusing(String),
    /// A change of an order comes too late: another caller has put the order on hold, or released it, since it was read.
    Overtaken,
    /// Reading the feed after this event is in the given mode, so that a reader that catches up fails; all other calls work.
    ReadingOnAfter(Seq, Box<FaultMode>),
    /// Every call panics.
    Panicking,
}

impl FaultMode {
    fn is_held(&self) -> bool {
        match self {
            Self::Held => true,
            Self::ReadingOnAfter(_, mode) => mode.is_held(),
            _ => false,
        }
    }
}

/// A healthy store with a mode.
pub struct FaultyStore {
    inner: Arc<dyn OrderStore>,
    mode: watch::Sender<FaultMode>,
    waiting: AtomicUsize,
}

impl FaultyStore {
    /// The store `inner`, in the mode [`FaultMode::Well`].
    pub fn over(inner: Arc<dyn OrderStore>) -> Self {
        Self {
            inner,
            mode: watch::Sender::new(FaultMode::Well),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Sets the mode.
    pub fn set_mode(&self, mode: FaultMode) {
        self.mode.send_replace(mode);
    }

    fn mode(&self) -> FaultMode {
        self.mode.borrow().clone()
    }

    /// How many calls have been slowed down or held.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn pass(&self) -> Result<(), StoreError> {
        self.pass_as(self.mode()).await
    }

    async fn pass_as(&self, mode: FaultMode) -> Result<(), StoreError> {
        match mode {
            FaultMode::Well
            | FaultMode::LateAnswers(_)
            | FaultMode::Refusing(_)
            | FaultMode::CommitsFailing(_)
            | FaultMode::Overtaken
            | FaultMode::ReadingOnAfter(..) => Ok(()),
            FaultMode::Failing(error) => Err(error),
            FaultMode::Slow(wait) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            FaultMode::Held => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let mut modes = self.mode.subscribe();
                let released = modes.wait_for(|mode| !mode.is_held()).await;
                released.expect("the store that is waited for is there");
                Ok(())
            }
            FaultMode::Panicking => panic!("the store panics because the test asks for it"),
        }
    }

    /// Changes the order that `write` is about to change, as another caller would.
    async fn overtake(&self, write: &Write, deadline: Deadline) -> Result<(), StoreError> {
        let order = match write.guard {
            Guard::New { .. } => None,
            Guard::At { .. } => self.inner.get(write.decision.order.id).await?,
        };
        let Some(order) = order else {
            return Ok(());
        };
        let command = match order.status {
            Status::OnHold => OrderCommand::Release,
            _ => OrderCommand::Hold,
        };
        let decision = order
            .apply(command, order.updated_at, Cause::default())
            .expect("orders that are overtaken wait, or are on hold");
        let guard = Guard::At {
            version: order.version,
            status: order.status,
        };
        let other = Write { decision, guard };
        for done in self.inner.commit(vec![other], deadline).await {
            done.expect("no other caller changes the order at the same time");
        }
        Ok(())
    }
}

impl Sharded for FaultyStore {
    fn shards(&self) -> &[ShardId] {
        self.inner.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.inner.shard_of(bucket)
    }
}

#[async_trait]
impl OrderWriter for FaultyStore {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let shard = self.inner.shards()[0];
        let late = || StoreError::Unknown {
            shard,
            reason: "no answer by the deadline".to_owned(),
        };
        let passed = tokio::time::timeout_at(deadline, self.pass()).await;
        match passed.unwrap_or_else(|_| Err(late())) {
            Ok(()) => {
                let count = writes.len();
                if let FaultMode::Refusing(reason) = self.mode() {
                    return vec![Err(CommitError::Refused(reason)); count];
                }
                if let FaultMode::CommitsFailing(error) = self.mode() {
                    return vec![Err(CommitError::Store(error)); count];
                }
                if matches!(self.mode(), FaultMode::Overtaken) {
                    for write in &writes {
                        if let Err(error) = self.overtake(write, deadline).await {
                            return vec![Err(CommitError::Store(error)); count];
                        }
                    }
                }
                let answers = self.inner.commit(writes, deadline).await;
                let FaultMode::LateAnswers(wait) = self.mode() else {
                    return answers;
                };
                let waited = tokio::time::timeout_at(deadline, tokio::time::sleep(wait)).await;
                match waited {
                    Ok(()) => answers,
                    Err(_) => vec![Err(CommitError::Store(late())); count],
                }
            }
            Err(error) => writes
                .iter()
                .map(|_| Err(CommitError::Store(error.clone())))
                .collect(),
        }
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.pass().await.map_err(CommitError::Store)?;
        self.inner.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.pass().await?;
        if let FaultMode::CommitsFailing(error) = self.mode() {
            return Err(error);
        }
        self.inner.probe_commit(shard).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl OrderReader for FaultyStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.pass().await?;
        self.inner.get(id).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.pass().await?;
        self.inner.find(user, external_id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.pass().await?;
        self.inner.list(query).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.pass().await?;
        self.inner.counts().await
    }
}

#[async_trait]
impl EventFeed for FaultyStore {
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        if let FaultMode::ReadingOnAfter(seq, mode) = self.mode()
            && seq == after
        {
            self.pass_as(*mode).await?;
        }
        self.inner.events_after(shard, after, limit, content).await
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.pass().await?;
        self.inner.event_position(shard, seq).await
    }

    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.pass().await?;
        self.inner.order_events(id, after, limit).await
    }
}

#[async_trait]
impl WorkQueue for FaultyStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.claim(shard, limits, lease).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.claim_quarantined(shard, lease).await
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        self.inner.heartbeat(claims, lease).await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.inner.rescue(shard, policy, limit).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.pass().await?;
        self.inner.next_due(shard).await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.pass().await?;
        self.inner.oldest_due_age(shard).await
    }
}

/// A receipt store that cannot be reached, for this reason.
pub struct UnreachableReceipts(pub &'static str);

#[async_trait]
impl ReceiptStore for UnreachableReceipts {
    async fn put(&self, _: &Receipt) -> Result<(), ReceiptError> {
        Err(ReceiptError::Unavailable(self.0.into()))
    }

    async fn get(&self, _: &str) -> Result<Option<String>, ReceiptError> {
        Err(ReceiptError::Unavailable(self.0.into()))
    }

    async fn is_reachable(&self) -> bool {
        false
    }
}
