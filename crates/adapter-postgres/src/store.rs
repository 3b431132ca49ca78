//! The store over all shards: starts their tasks, sends each call to the shard that owns it, and merges the answers of
//! several shards. What a shard does with a call is in `shard` (reads) and `writer` (writes).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, CommitHints, Committed, Counts, Deadline, Erasure,
    EventContent, EventFeed, EventPage, ListQuery, NextDue, OrderPage, OrderReader, OrderWriter,
    RescuePolicy, SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};
use futures_util::future::{join_all, try_join_all};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claim::Taking;
use crate::connect::Address;
use crate::error::{ConnectError, unavailable};
use crate::list;
use crate::options::PostgresOptions;
use crate::queue::queue;
use crate::schema::ShardIdentity;
use crate::shard::Shard;
use crate::shard_state::ShardState;
use crate::start::reach;
use crate::writer::Writer;

/// How long [`OrderWriter::close`] waits for the tasks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

/// An `OrderStore` over one or more PostgreSQL servers. See the crate's documentation.
pub struct PostgresStore {
    shards: Vec<Shard>,
    ids: Vec<ShardId>,
    owners: Vec<ShardId>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl PostgresStore {
    /// Connects to the shards, brings their schemas up to date, compares them with the configuration and starts the tasks.
    /// `hints` gets a hint for every commit of this process, for the shards `0..shards.len()`.
    ///
    /// # Errors
    /// See [`ConnectError`]. A shard that is away is waited for as [`PostgresOptions::start_timeout`] says; the
    /// store then starts without it, as long as another one is there.
    pub async fn connect(
        options: PostgresOptions,
        clock: Arc<dyn Clock>,
        hints: Arc<dyn CommitHints>,
    ) -> Result<Self, ConnectError> {
        let owners = options.map.owners(options.shards.len())?;
        let identities = ShardIdentity::of_all(&options.map, options.shards.len())?;
        let addresses = options.addresses().collect::<Result<Vec<_>, _>>()?;
        let prepared = reach(&addresses, &identities, &options).await?;
        let mut store = Self {
            ids: addresses.iter().map(|address| address.shard).collect(),
            shards: Vec::with_capacity(addresses.len()),
            owners,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let shards = addresses.into_iter().zip(identities).zip(prepared);
        for ((address, identity), is_prepared) in shards {
            let state = Arc::new(ShardState {
                is_prepared: AtomicBool::new(is_prepared),
            });
            let writes = (Arc::clone(&clock), Arc::clone(&hints));
            store.add(&options, address, identity, state, writes)?;
        }
        store.tasks.close();
        Ok(store)
    }

    fn add(
        &mut self,
        options: &PostgresOptions,
        address: Address,
        identity: ShardIdentity,
        state: Arc<ShardState>,
        (clock, hints): (Arc<dyn Clock>, Arc<dyn CommitHints>),
    ) -> Result<(), ConnectError> {
        // A call of a worker may wait for one transaction that is under way, and then for its own.
        let call_timeout = options.tuning.statement_timeout * 4;
        let (head, tail) = queue(address.shard, options.queue, options.batch, call_timeout);
        self.shards.push(Shard {
            id: address.shard,
            pool: address.pool(options.pool_size)?,
            queue: head,
            state: Arc::clone(&state),
            statement_timeout: options.tuning.statement_timeout,
        });
        let writer = Writer {
            address,
            identity,
            queue: tail,
            batch: options.batch.max(1),
            max_backoff: options.tuning.max_backoff,
            clock,
            hints,
            state,
            is_refusing: AtomicBool::new(false),
            closing: self.closing.clone(),
            drivers: self.tasks.clone(),
        };
        self.tasks.spawn(writer.run());
        Ok(())
    }

    fn shard(&self, id: ShardId) -> Result<&Shard, StoreError> {
        self.shards
            .get(usize::from(id.0))
            .ok_or_else(|| unavailable(id, "store.shards names no such shard"))
    }

    /// Takes due orders, one way or the other; none are taken without a round trip.
    async fn take(&self, shard: ShardId, taking: Taking) -> Result<Vec<Arc<Order>>, StoreError> {
        if taking.limit() == 0 {
            return Ok(Vec::new());
        }
        self.shard(shard)?.queue.take(taking).await
    }

    fn owner(&self, id: OrderId) -> &Shard {
        self.owner_of(id.bucket())
    }

    fn owner_of(&self, bucket: Bucket) -> &Shard {
        &self.shards[usize::from(self.shard_of(bucket).0)]
    }
}

impl Sharded for PostgresStore {
    fn shards(&self) -> &[ShardId] {
        &self.ids
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.owners[usize::from(bucket.get())]
    }
}

#[async_trait]
impl OrderWriter for PostgresStore {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let owner = |write: &Write| self.shard_of(write.decision.order.id.bucket());
        if let Some(first) = writes.first()
            && writes.iter().all(|write| owner(write) == owner(first))
        {
            let shard = self.owner(first.decision.order.id);
            return shard.queue.commit(writes, deadline).await;
        }
        let mut indexes: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        let mut parts: BTreeMap<ShardId, Vec<Write>> = BTreeMap::new();
        let count = writes.len();
        for (index, write) in writes.into_iter().enumerate() {
            let shard = owner(&write);
            indexes.entry(shard).or_default().push(index);
            parts.entry(shard).or_default().push(write);
        }
        let parts = parts.into_iter().map(|(shard, writes)| async move {
            let shard = &self.shards[usize::from(shard.0)];
            shard.queue.commit(writes, deadline).await
        });
        let answers = join_all(parts).await.into_iter().flatten();
        let mut sorted: Vec<Option<Result<Committed, CommitError>>> = vec![None; count];
        for (index, answer) in indexes.into_values().flatten().zip(answers) {
            sorted[index] = Some(answer);
        }
        sorted
            .into_iter()
            .map(|answer| answer.expect("a queue answers every write that it is given"))
            .collect()
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        let shard = self.owner(erasure.event.order_id);
        shard.queue.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.shard(shard)?.probe_commit().await
    }

    async fn close(&self) {
        for shard in &self.shards {
            shard.queue.close();
        }
        self.closing.cancel();
        if timeout(CLOSE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("a shard did not let go of its connection in time");
        }
        for shard in &self.shards {
            shard.pool.close();
            shard.state.is_prepared.store(false, Ordering::Release);
        }
    }
}

#[async_trait]
impl OrderReader for PostgresStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.owner(id).get(id).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.owner_of(Bucket::of(user))
            .find(user, external_id)
            .await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        if let Some(user) = &query.filter.user_id {
            return self.owner_of(Bucket::of(user)).list(query).await;
        }
        if let [shard] = &*self.shards {
            return shard.list(query).await;
        }
        let part = ListQuery {
            scan_limit: query.scan_limit.div_ceil(self.shards.len()),
            ..query.clone()
        };
        let pages = try_join_all(self.shards.iter().map(|shard| shard.list(&part))).await?;
        Ok(list::merge(pages, query.limit))
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let mut all = Counts::default();
        for counts in try_join_all(self.shards.iter().map(Shard::counts)).await? {
            all.add(&counts);
        }
        Ok(all)
    }
}

#[async_trait]
impl EventFeed for PostgresStore {
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.owner(id).events(id, after, limit).await
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        self.shard(shard)?.events_after(after, limit, content).await
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.shard(shard)?.event_position(seq).await
    }
}

#[async_trait]
impl WorkQueue for PostgresStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.take(shard, Taking::Claim(limits, lease)).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let claimed = self.take(shard, Taking::ClaimQuarantined(lease)).await?;
        Ok(claimed.into_iter().next())
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let mut parts: BTreeMap<ShardId, Vec<Claim>> = BTreeMap::new();
        for claim in claims {
            let shard = self.shard_of(claim.order_id.bucket());
            parts.entry(shard).or_default().push(*claim);
        }
        let parts = parts.into_iter().map(|(shard, claims)| async move {
            self.shard(shard)?.heartbeat(claims, lease).await
        });
        // Every shard is asked, even if another one fails.
        let mut lost = Vec::new();
        for part in join_all(parts).await {
            lost.extend(part?);
        }
        Ok(lost)
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.shard(shard)?.queue.rescue(limit, policy).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        self.shard(shard)?.next_due().await
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.shard(shard)?.oldest_due_age().await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Without it, the tasks of a store that was never closed would live on.
        self.closing.cancel();
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("shards", &self.ids)
            .finish_non_exhaustive()
    }
}
