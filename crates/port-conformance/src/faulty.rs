//! A real store that can be told to fail while it runs: what a full queue, a lost shard or a slow disk look like from
//! the edges, whose tests use it. It keeps the port's promises in every mood but [`Mood::Panicking`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::ports::{
    CommitError, Committed, Counts, Deadline, ListQuery, OrderPage, OrderStore, SequencedEvent,
    StoreError, Write,
};
use async_trait::async_trait;
use domain::{ExternalId, Order, OrderId, ShardId, UserId, Version};

use crate::around::StoreAround;

/// What the store does from now on.
#[derive(Debug, Clone)]
pub enum Mood {
    /// As it should.
    Well,
    /// Every call fails so.
    Failing(StoreError),
    /// Every call takes this long before it begins.
    Slow(Duration),
    /// Every commit is done, and its answer comes so much later.
    LateAnswers(Duration),
    /// Every call panics.
    Panicking,
}

/// A healthy store with a mood.
pub struct FaultyStore {
    inner: Arc<dyn OrderStore>,
    mood: Mutex<Mood>,
    waiting: AtomicUsize,
}

impl FaultyStore {
    /// The store `inner`, well.
    pub fn over(inner: Arc<dyn OrderStore>) -> Self {
        Self {
            inner,
            mood: Mutex::new(Mood::Well),
            waiting: AtomicUsize::new(0),
        }
    }

    /// From now on it does so.
    pub fn become_so(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn mood(&self) -> Mood {
        self.mood
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many calls have been slowed down.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn pass(&self) -> Result<(), StoreError> {
        match self.mood() {
            Mood::Well | Mood::LateAnswers(_) => Ok(()),
            Mood::Failing(error) => Err(error),
            Mood::Slow(wait) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Mood::Panicking => panic!("the store panics because the test told it to"),
        }
    }
}

#[async_trait]
impl StoreAround for FaultyStore {
    fn inner(&self) -> &dyn OrderStore {
        &*self.inner
    }

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
                let answers = self.inner.commit(writes, deadline).await;
                let Mood::LateAnswers(wait) = self.mood() else {
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

    async fn events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.pass().await?;
        self.inner.events(id, after, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.pass().await?;
        self.inner.counts().await
    }

    async fn receipt(&self, id: OrderId) -> Result<Option<String>, StoreError> {
        self.pass().await?;
        self.inner.receipt(id).await
    }

    async fn next_due(&self, shard: ShardId) -> Result<Option<Duration>, StoreError> {
        self.pass().await?;
        self.inner.next_due(shard).await
    }
}
