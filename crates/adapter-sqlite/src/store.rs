//! The store as the application sees it: opens the folder, starts the threads, and hands each call to the right one.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use application::ports::{
    Claim, Clock, CommitError, Committed, Counts, Deadline, Dispatch, EventPage, Guard, ListQuery,
    OrderPage, OrderStore, RescuePolicy, SequencedEvent, StatusBus, StoreError, Write,
};
use async_trait::async_trait;
use domain::{Bucket, ExternalId, Order, OrderId, Seq, ShardId, UserId, Version};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::failure::unknown;
use crate::folder::DataFolder;
use crate::index::file::IndexReader;
use crate::index::indexer::Indexer;
use crate::index::tail::Tail;
use crate::options::{OpenError, SqliteOptions};
use crate::prepared::Prepared;
use crate::published::Published;
use crate::queue::{Lane, Request, WriteQueue};
use crate::read::{ReadConnection, ReadQueue};
use crate::schema;
use crate::writer::books::Books;
use crate::writer::{Beginning, Surroundings, recovery};
use crate::{SHARD, SHARDS};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;
/// A call with more writes is done in several transactions.
const WRITES_AT_ONCE: usize = 512;
/// The most events of one page.
const MAX_PAGE: usize = 10_000;

/// Keeps orders in one data folder, which one process uses at a time.
pub struct SqliteStore {
    writes: Arc<WriteQueue>,
    reads: Arc<ReadQueue>,
    published: Arc<Published>,
    tail: Arc<Tail>,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in its folder, or makes one. What an earlier process had claimed is taken back by the first
    /// rescue. Blocks while it reads; call it before serving.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        dispatch: Arc<dyn Dispatch>,
        bus: Arc<dyn StatusBus>,
    ) -> Result<Self, OpenError> {
        let folder = Arc::new(DataFolder::lock(&options.data_dir)?);
        let database = |source| OpenError::Database {
            dir: options.data_dir.clone(),
            source,
        };
        let connection = schema::open_orders(&folder)?;
        #[cfg(feature = "broken-twins")]
        if options.synchronous_off {
            connection
                .execute_batch("PRAGMA synchronous = OFF;")
                .map_err(database)?;
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let books = Books::load(&connection).map_err(database)?;
        let leases = recovery::orphaned_claims(&connection, &books).map_err(database)?;
        let store_id = connection
            .query_row("SELECT store_id FROM state", [], |row| row.get(0))
            .map_err(database)?;
        let reader = || -> Result<Connection, OpenError> {
            let reader = schema::open_reader(&folder.orders()).map_err(database)?;
            reader.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(reader)
        };
        let indexer = Indexer::open(Arc::clone(&folder), store_id, reader()?, books.head)?;
        let tail = Arc::new(Tail::new(
            indexer.generation(),
            books.head,
            options.unindexed,
        ));
        let published = Arc::new(Published::new(books.figures(), options.recent_events));
        let store = Self {
            writes: Arc::new(WriteQueue::new(options.queue)),
            reads: Arc::new(ReadQueue::new(options.read_queue)),
            published,
            tail,
            clock,
            threads: Mutex::default(),
        };
        let writer = Beginning {
            surroundings: Surroundings {
                queue: Arc::clone(&store.writes),
                published: Arc::clone(&store.published),
                tail: Arc::clone(&store.tail),
                clock: Arc::clone(&store.clock),
                dispatch,
                bus,
                batch: options.batch,
            },
            connection,
            index: IndexReader::new(Arc::clone(&folder)),
            books,
            leases,
        };
        store.start("orders-writer", &folder, move || writer.run())?;
        let (tail, published) = (Arc::clone(&store.tail), Arc::clone(&store.published));
        store.start("orders-index", &folder, move || {
            indexer.run(&tail, &published);
        })?;
        for _ in 0..options.readers.max(1) {
            let connection = ReadConnection {
                orders: reader()?,
                index: IndexReader::new(Arc::clone(&folder)),
                tail: Arc::clone(&store.tail),
            };
            let reads = Arc::clone(&store.reads);
            store.start("orders-reader", &folder, move || reads.run(connection))?;
        }
        Ok(store)
    }

    /// Starts a thread, which holds the folder until it ends. Dropping the store ends all of them.
    fn start(
        &self,
        name: &str,
        folder: &Arc<DataFolder>,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let folder = Arc::clone(folder);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                work();
                drop(folder);
            })
            .map_err(OpenError::Thread)?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        Ok(())
    }

    /// Stops moving new orders to the index file until [`SqliteStore::resume_index`]; lists stay exact, and once the
    /// bound of what may be unindexed is reached the pause ends by itself for as long as it takes to make room.
    pub fn pause_index(&self) {
        self.tail.signal(|signals| signals.paused = true);
    }

    /// Ends a pause.
    pub fn resume_index(&self) {
        self.tail.signal(|signals| {
            signals.paused = false;
            signals.flush = true;
        });
    }

    /// Builds the index anew from the log, in the background; the one in use serves until then.
    pub fn rebuild_index(&self) {
        self.tail.signal(|signals| signals.rebuild = true);
    }

    /// Commits as many writes as go into one transaction.
    async fn commit_some(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
        answers: &mut Vec<Result<Committed, CommitError>>,
    ) {
        let mut lane = Lane::Outcome;
        let first = answers.len();
        let mut prepared = Vec::with_capacity(writes.len());
        for write in writes {
            if matches!(write.guard, Guard::New { .. }) {
                lane = Lane::Intake;
            }
            match Prepared::of(write) {
                Ok(write) => {
                    prepared.push(write);
                    // Taken when the writer has answered.
                    answers.push(Err(CommitError::Stale));
                }
                Err(refused) => answers.push(Err(refused)),
            }
        }
        if prepared.len() < answers.len() - first {
            self.commit_around_refused(prepared, deadline, lane, first, answers)
                .await;
            return;
        }
        answers.truncate(first);
        answers.extend(self.commit_prepared(prepared, deadline, lane).await);
    }

    /// As [`SqliteStore::commit_prepared`], where some of the answers are refusals already.
    async fn commit_around_refused(
        &self,
        prepared: Vec<Prepared>,
        deadline: Deadline,
        lane: Lane,
        first: usize,
        answers: &mut [Result<Committed, CommitError>],
    ) {
        let mut done = Vec::new();
        if !prepared.is_empty() {
            done = self.commit_prepared(prepared, deadline, lane).await;
        }
        let mut done = done.into_iter();
        for answer in &mut answers[first..] {
            if *answer == Err(CommitError::Stale)
                && let Some(done) = done.next()
            {
                *answer = done;
            }
        }
    }

    async fn commit_prepared(
        &self,
        writes: Vec<Prepared>,
        deadline: Deadline,
        lane: Lane,
    ) -> Vec<Result<Committed, CommitError>> {
        let count = writes.len();
        let same = |error: StoreError| {
            (0..count)
                .map(|_| Err(CommitError::Store(error.clone())))
                .collect()
        };
        let (reply, answer) = oneshot::channel();
        let request = Request::Commit {
            writes,
            deadline,
            reply,
        };
        if let Err(error) = self.writes.push(request, lane) {
            return same(error);
        }
        match answer.await {
            Ok((answers, _)) => answers,
            Err(_) => same(unknown(
                "the writer of the store stopped before it answered",
            )),
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writes.push(request(reply), Lane::Outcome)?;
        answer.await.unwrap_or_else(|_| {
            Err(unknown(
                "the writer of the store stopped before it answered",
            ))
        })
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

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadConnection) -> rusqlite::Result<T> + Send + 'static,
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

#[async_trait]
impl OrderStore for SqliteStore {
    fn shards(&self) -> &[ShardId] {
        &SHARDS
    }

    fn shard_of(&self, _bucket: Bucket) -> ShardId {
        SHARD
    }

    async fn commit(
        &self,
        mut writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
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

    async fn claim(
        &self,
        shard: ShardId,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Self::check_shard(shard)?;
        self.ask(|reply| Request::Claim {
            limit,
            lease,
            reply,
        })
        .await
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

    async fn events(
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
    ) -> Result<EventPage, StoreError> {
        Self::check_shard(shard)?;
        self.published.check_trusted()?;
        let head = self.published.figures().head;
        let limit = limit.min(MAX_PAGE);
        let events = if after.0 >= head || limit == 0 {
            Vec::new()
        } else if let Some(recent) = self.published.recent_after(after.0, limit) {
            recent
        } else {
            self.read(move |connection| connection.events_after(after.0, limit))
                .await?
        };
        // The page may hold what was committed after the head was looked at.
        let last = events.last().map_or(0, |found| found.seq.0);
        Ok(EventPage {
            events,
            head: Seq(head.max(last)),
        })
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.published.check_trusted()?;
        Ok(self.published.figures().counts)
    }

    async fn receipt(&self, id: OrderId) -> Result<Option<String>, StoreError> {
        self.read(move |connection| connection.receipt(id)).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        Self::check_shard(shard)?;
        self.published.check_trusted()?;
        let figures = self.published.figures();
        if figures.fresh_waiting > 0 {
            return Ok(Some(Duration::ZERO));
        }
        let now = self.clock.now().as_millis();
        Ok(figures
            .earliest_job
            .map(|due| Duration::from_millis(due.as_millis().saturating_sub(now))))
    }

    async fn close(&self) {
        self.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            let panicked = threads.into_iter().filter_map(|thread| thread.join().err());
            panicked.count() == 0
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a thread of the store ended by a panic");
        }
    }
}

impl Drop for SqliteStore {
    /// The threads finish what was taken and let go of the folder; nobody waits for them here.
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
