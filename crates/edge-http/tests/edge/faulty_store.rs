//! A real store that can be told to fail: what a full queue, a lost shard or a slow disk look like from the edge.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::ports::{
    CommitError, Committed, Counts, Deadline, ListQuery, OrderPage, OrderStore, SequencedEvent,
    StoreError, Write,
};
use async_trait::async_trait;
use domain::{ExternalId, Order, OrderId, ShardId, UserId, Version};
use port_conformance::around::StoreAround;

/// What the store does from now on.
#[derive(Debug, Clone)]
pub enum Mood {
    /// As it should.
    Well,
    /// Every call fails so.
    Failing(StoreError),
    /// Every call takes this long before it begins.
    Slow(Duration),
    /// Every read panics.
    Panicking,
}

pub struct FaultyStore {
    inner: Arc<dyn OrderStore>,
    mood: Mutex<Mood>,
}

impl FaultyStore {
    pub fn over(inner: Arc<dyn OrderStore>) -> Self {
        Self {
            inner,
            mood: Mutex::new(Mood::Well),
        }
    }

    pub fn become_so(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    async fn pass(&self) -> Result<(), StoreError> {
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Well => Ok(()),
            Mood::Failing(error) => Err(error),
            Mood::Slow(wait) => {
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
        // As the port promises: no caller waits past its deadline, and what it was told is "unknown".
        let shard = ShardId(0);
        let passed = tokio::time::timeout_at(deadline, self.pass()).await;
        let passed = passed.unwrap_or_else(|_| {
            let reason = "no answer by the deadline".to_owned();
            Err(StoreError::Unknown { shard, reason })
        });
        match passed {
            Ok(()) => self.inner.commit(writes, deadline).await,
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
