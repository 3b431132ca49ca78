//! The store as the application sees it: hands each call to the thread that does it, and waits for the answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use application::ports::{
    Claim, ClaimLimits, Clock, CommitError, Counts, Deadline, Erasure, EventContent, EventFeed,
    EventPage, Guard, ListQuery, NextDue, OrderPage, OrderReader, OrderWriter, RescuePolicy,
    SequencedEvent, Sharded, StoreError, WorkQueue, Write,
};
use async_trait::async_trait;
use domain::{Bucket, EventPosition, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::failure::{ReadError, unknown};
use crate::folder::DataFolder;
use crate::index::memtable::Memtable;
use crate::outcome::{Awaited, CommitAnswer};
use crate::parcel::{Draft, WRITER_STOPPED};
use crate::published::Published;
use crate::queue::WriteQueue;
use crate::read::{PATIENCE, ReadConnection, ReadQueue};
use crate::request::{Class, Request, Taking};
use crate::room;
use crate::{SHARD, SHARDS};

/// A call with more writes is done in several transactions.
const WRITES_AT_ONCE: usize = 512;
/// The most events of one page.
const MAX_PAGE: usize = 10_000;

thread_local! {
    /// In which this thread encodes what it hands over.
    static DRAFT: RefCell<Draft> = RefCell::default();
}

/// Keeps orders in one data folder, which one process uses at a time.
pub struct SqliteStore {
    pub(crate) writes: Arc<WriteQueue>,
    pub(crate) reads: Arc<ReadQueue>,
    pub(crate) published: Arc<Published>,
    pub(crate) memtable: Arc<Memtable>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) data_dir: PathBuf,
    pub(crate) threads: Mutex<Vec<JoinHandle<Ended>>>,
}

/// What a thread leaves when it ends. [`SqliteStore::close`] drops it after all threads have ended: the connection that writes
/// orders empties the write-ahead log only if it is the last one that is closed. The folder is let go of after that.
pub(crate) struct Ended {
    pub(crate) _connection: Option<Connection>,
    pub(crate) _folder: Arc<DataFolder>,
}

impl SqliteStore {
    /// Waits until the store gives itself up, because the disk did not keep its word or its writer broke: from then on
    /// it refuses everything, and only a new process can tell what the disk holds. The reason, for the operator.
    pub async fn gives_up(&self) -> String {
        self.published.distrusted().await
    }

    /// Commits as many writes as go into one transaction.
    async fn commit_some(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
        answers: &mut Vec<CommitAnswer>,
    ) {
        // The positions of writes that are refused before they are handed over, with the reasons.
        let mut refused = Vec::new();
        let first = answers.len();
        let (count, handed_over) = self.hand_over(writes, deadline, |index, reason| {
            refused.push((first + index, reason));
        });
        let failed = match handed_over {
            Ok(mut awaited) => match tokio::time::timeout_at(deadline, &mut awaited).await {
                Ok(()) => {
                    answers.extend(awaited.answers().into_iter().flatten().cloned());
                    None
                }
                Err(_) => Some(unknown("no answer by the deadline")),
            },
            Err(error) => Some(error),
        };
        if let Some(error) = failed {
            answers.extend((0..count).map(|_| Err(CommitError::Store(error.clone()))));
        }
        for (index, reason) in refused {
            answers.insert(index, Err(reason));
        }
    }

    /// Encodes the writes and hands them over to the writer, but those that no transaction could hold. How many are handed
    /// over, and the wait for them.
    fn hand_over(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
        mut refuse: impl FnMut(usize, CommitError),
    ) -> (usize, Result<Awaited, StoreError>) {
        DRAFT.with_borrow_mut(|draft| {
            draft.clear();
            let mut class = Class::Outcome;
            let keeps_orders = self.writes.keeps_orders();
            for (index, write) in writes.into_iter().enumerate() {
                if matches!(write.guard, Guard::New { .. }) {
                    class = Class::Intake;
                }
                if let Err(reason) = draft.add(write, keeps_orders) {
                    refuse(index, reason);
                }
            }
            let count = draft.len();
            // No caller gets this answer if nothing is left to hand over.
            let handed_over = if count == 0 || deadline <= tokio::time::Instant::now() {
                Err(StoreError::Expired)
            } else {
                self.writes.commit(draft, deadline, class)
            };
            (count, handed_over)
        })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writes.ask(request(reply), Class::Outcome)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unknown(WRITER_STOPPED)),
            Err(_) => Err(unknown("the disk does not answer")),
        }
    }

    /// Takes due orders, one way or the other.
    async fn take(
        &self,
        shard: ShardId,
        limits: ClaimLimits,
        taking: Taking,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Self::check_shard(shard)?;
        self.ask(|reply| Request::Take {
            limits,
            taking,
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
        self.published.check_trusted()?;
        self.reads.read(read).await
    }

    /// Tells all threads to finish.
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
    async fn commit(&self, mut writes: Vec<Write>, deadline: Deadline) -> Vec<CommitAnswer> {
        let mut answers = Vec::with_capacity(writes.len());
        while writes.len() > WRITES_AT_ONCE {
            let rest = writes.split_off(WRITES_AT_ONCE);
            self.commit_some(writes, deadline, &mut answers).await;
            writes = rest;
        }
        if !writes.is_empty() {
            self.commit_some(writes, deadline, &mut answers).await;
        }
        answers
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
        self.writes.ask(request, Class::Outcome)?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unknown(WRITER_STOPPED).into()),
            Err(_) => Err(unknown("no answer by the deadline").into()),
        }
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        Self::check_shard(shard)?;
        self.published.check_trusted()?;
        room::probe(self.data_dir.clone(), Arc::clone(&self.memtable)).await?;
        // A commit without anything in it: the writer takes what it is asked.
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
            tracing::error!("a thread of the store ended by a panic");
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
        self.published.check_trusted()?;
        Ok(self.published.figures().counts)
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
        self.published.check_trusted()?;
        let head = self.published.figures().position();
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
        } else if let Some(recent) = self.published.recent_after(after.0, limit) {
            recent
        } else {
            self.read(move |connection| connection.events_after(after.0, limit))
                .await?
        };
        // What was committed after the head was looked at comes with the next page: one that ran ahead of the head
        // would make that next page look as if the shard had lost events.
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
        self.published.check_trusted()?;
        let head = self.published.figures().position();
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
        self.take(shard, limits, Taking::Claim(lease)).await
    }

    async fn claim_quarantined(
        &self,
        shard: ShardId,
        lease: Duration,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let taking = Taking::ClaimQuarantined(lease);
        let claimed = self.take(shard, ClaimLimits::any(1), taking).await?;
        Ok(claimed.into_iter().next())
    }

    async fn heartbeat(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
        let claims = claims.to_vec();
        self.ask(|reply| Request::Heartbeat {
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
        self.ask(|reply| Request::Rescue {
            policy,
            limit,
            reply,
        })
        .await
    }

    async fn next_due(&self, shard: ShardId) -> Result<NextDue, StoreError> {
        Self::check_shard(shard)?;
        self.published.check_trusted()?;
        Ok(self.published.figures().work.next(self.clock.now()))
    }

    async fn oldest_due_age(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        Self::check_shard(shard)?;
        self.published.check_trusted()?;
        Ok(self.published.figures().work.oldest_age(self.clock.now()))
    }
}

impl Drop for SqliteStore {
    /// The threads finish what was taken and let go of the folder; nothing waits for them here.
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
