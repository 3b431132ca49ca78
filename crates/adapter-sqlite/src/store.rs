//! [`SqliteStore`]: implements the ports; [`commit`] has the path of the writes. Each call is handed to the writer thread or
//! to a reading thread, and awaits the answer within a deadline. No call runs SQL itself, so none blocks a task.

mod commit;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Counts, Deadline, Erasure, EventContent, EventFeed,
    EventPage, ListQuery, NextDue, OrderPage, OrderReader, OrderWriter, RescuePolicy,
    SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::committed_state::CommittedState;
use crate::completion::CommitAnswer;
use crate::failure::unknown;
use crate::folder::DataFolder;
use crate::index::memtable::Memtable;
use crate::queue::WriteQueue;
use crate::read::error::ReadError;
use crate::read::{ANSWER_TIMEOUT, ReadConnection, ReadQueue};
use crate::request::{ClaimKind, Class, Request};
use crate::shard::{SHARD, SHARDS};
use crate::space_probe;
use crate::write_batch::WRITER_STOPPED;

/// The most events of one page.
const MAX_PAGE: usize = 10_000;

/// A store in one data folder. One process at a time uses a folder. [`SqliteStore::open`] opens it.
pub struct SqliteStore {
    pub(crate) writes: Arc<WriteQueue>,
    pub(crate) reads: Arc<ReadQueue>,
    pub(crate) committed: Arc<CommittedState>,
    pub(crate) memtable: Arc<Memtable>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) data_dir: PathBuf,
    pub(crate) threads: Mutex<Vec<JoinHandle<ThreadExit>>>,
}

/// What a thread returns when it ends. [`SqliteStore::close`] drops it after all threads have ended: the connection that
/// writes orders empties the write-ahead log only if it is the last one that is closed. The folder is unlocked after that.
pub(crate) struct ThreadExit {
    pub(crate) _connection: Option<Connection>,
    pub(crate) _folder: Arc<DataFolder>,
}

impl SqliteStore {
    /// Waits for a fatal error of the disk or the writer, and returns it as a text for the operator. From then on the store
    /// fails every call; the process has to be restarted, so that the store is read from the disk again.
    pub async fn fatal_error(&self) -> String {
        self.committed.fatal_error().await
    }

    /// Queues a request and awaits its answer for [`ANSWER_TIMEOUT`].
    async fn request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writes.request(request(reply), Class::Outcome)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unknown(WRITER_STOPPED)),
            Err(_) => Err(unknown("the disk does not answer")),
        }
    }

    async fn claim_due(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        kind: ClaimKind,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Self::check_shard(shard)?;
        self.request(|reply| Request::Claim {
            limits,
            kind,
            lease,
            reply,
        })
        .await
    }

    fn check_shard(shard: ShardId) -> Result<(), StoreError> {
        if shard == SHARD {
            Ok(())
        } else {
            Err(StoreError::Unavailable {
                shard,
                reason: "the embedded store has one shard, 0".to_owned(),
            })
        }
    }

    async fn read<T, E, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<ReadError>,
        F: FnOnce(&mut ReadConnection) -> Result<T, E> + Send + 'static,
    {
        self.committed.check_usable()?;
        self.reads.read(read).await
    }

    /// Closes the queues, so that all threads end.
    fn stop(&self) {
        self.writes.close("the store is closed");
        self.reads.close();
    }
}

impl Sharded for SqliteStore {
    fn shards(&self) -> &[ShardId] {
        &SHARDS
    }

    fn shard_of(&self, _bucket: Bucket) -> ShardId {
        SHARD
    }
}

#[async_trait]
impl OrderWriter for SqliteStore {
    async fn commit(&self, writes: Vec<Write>, deadline: Deadline) -> Vec<CommitAnswer> {
        self.commit_writes(writes, deadline).await
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        if deadline <= tokio::time::Instant::now() {
            return Err(StoreError::Expired.into());
        }
        let (reply, answer) = oneshot::channel();
        let request = Request::Erase {
            erasure,
            deadline,
            reply,
        };
        self.writes.request(request, Class::Outcome)?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unknown(WRITER_STOPPED).into()),
            Err(_) => Err(unknown("no answer by the deadline").into()),
        }
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        Self::check_shard(shard)?;
        self.committed.check_usable()?;
        space_probe::probe(self.data_dir.clone(), Arc::clone(&self.memtable)).await?;
        // An empty heartbeat makes an empty commit.
        self.heartbeat(&[], Duration::ZERO).await.map(drop)
    }

    async fn close(&self) {
        self.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            let ended: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
            ended.iter().all(Result::is_ok)
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a thread of the store panicked");
        }
    }
}

#[async_trait]
impl OrderReader for SqliteStore {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.read(move |connection| connection.get(id)).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let (user, external_id) = (user.clone(), external_id.clone());
        self.read(move |connection| connection.find(&user, &external_id))
            .await
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        let query = query.clone();
        self.read(move |connection| connection.list(&query)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.committed.check_usable()?;
        Ok(self.committed.snapshot().counts)
    }
}

#[async_trait]
impl EventFeed for SqliteStore {
    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        let after = after.map_or(0, Version::get);
        self.read(move |connection| connection.events(id, after, limit))
            .await
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        Self::check_shard(shard)?;
        self.committed.check_usable()?;
        let head = self.committed.snapshot().position();
        let limit = limit.min(MAX_PAGE);
        let mut orders = BTreeMap::new();
        let mut events = if after >= head.seq || limit == 0 {
            Vec::new()
        } else if content == EventContent::EventsAndOrders {
            let read = move |connection: &mut ReadConnection| {
                connection.events_with_orders_after(after.0, limit)
            };
            let (events, found) = self.read(read).await?;
            orders = found;
            events
        } else if let Some(events) = self.committed.recent_events_after(after.0, limit) {
            events
        } else {
            self.read(move |connection| connection.events_after(after.0, limit))
                .await?
        };
        // Events that were committed after the head was read come with the next page. If a page went past its head, the next
        // page would look as if the shard had lost events.
        let kept = events.partition_point(|found| found.seq <= head.seq);
        if kept < events.len() {
            events.truncate(kept);
            orders.retain(|id, _| events.iter().any(|found| found.event.order_id == *id));
        }
        Ok(EventPage {
            events,
            orders,
            head,
        })
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        Self::check_shard(shard)?;
        self.committed.check_usable()?;
        let head = self.committed.snapshot().position();
        if seq == Seq(0) {
            Ok(Some(EventPosition::default()))
        } else if seq >= head.seq {
            Ok((seq == head.seq).then_some(head))
        } else {
            self.read(move |connection| connection.event_position(seq))
                .await
        }
    }
}

#[async_trait]
impl WorkQueue for SqliteStore {
    async fn claim(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.claim_due(shard, limits, ClaimKind::Shared, lease)
            .await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let (limits, kind) = (ClaimLimits::any(1), ClaimKind::Quarantined);
        let claimed = self.claim_due(shard, limits, kind, lease).await?;
        Ok(claimed.into_iter().next())
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let claims = claims.to_vec();
        self.request(|reply| Request::Heartbeat {
            claims,
            lease,
            reply,
        })
        .await
    }

    async fn rescue(
        &self,
        shard: ShardId,
        policy: RescuePolicy,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Self::check_shard(shard)?;
        self.request(|reply| Request::Rescue {
            policy,
            limit,
            reply,
        })
        .await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        Self::check_shard(shard)?;
        self.committed.check_usable()?;
        Ok(self.committed.snapshot().work.next(self.clock.now()))
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        Self::check_shard(shard)?;
        self.committed.check_usable()?;
        Ok(self.committed.snapshot().work.oldest_age(self.clock.now()))
    }
}

impl Drop for SqliteStore {
    /// The threads finish what they have taken and release the folder. This does not wait for them.
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
