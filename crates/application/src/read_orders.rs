//! Reading: orders, lists, events, receipts and counts. Straight to the store; nothing is cached here.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, Status, UserId, Version};

use crate::Application;
use crate::ports::{Counts, ListQuery, OrderPage, ReceiptError, SequencedEvent, StoreError};
use crate::receipts::Receipts;

/// Why a receipt was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadReceiptError {
    /// The order store failed. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt store failed. Retryable.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl Application {
    /// An order by its id.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn get_order(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.store.get(id).await
    }

    /// An order by its user's number for it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find_order(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.store.find(user, external_id).await
    }

    /// A page of orders, newest first. At most the configured number of orders is looked at.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn list_orders(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.store.list(query).await
    }

    /// The events of an order with a version above `after`; `None` for an unknown order.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.store.events(id, after, limit).await
    }

    /// The receipt of an order; `None` for an unknown order and for one that is not PROCESSED.
    ///
    /// # Errors
    /// Where a store fails.
    pub async fn receipt(&self, id: OrderId) -> Result<Option<String>, ReadReceiptError> {
        let Some(order) = self.store.get(id).await? else {
            return Ok(None);
        };
        let (Status::Processed, Some(key)) = (order.status, &order.receipt_key) else {
            return Ok(None);
        };
        match &self.receipts {
            Receipts::InStore => Ok(self.store.receipt(id).await?),
            // A receipt of the time before receipts were kept outside is still in the store.
            Receipts::Outside(store) => match store.get(key).await? {
                Some(text) => Ok(Some(text)),
                None => Ok(self.store.receipt(id).await?),
            },
        }
    }

    /// How many orders stand where.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }

    /// Asks every shard for the least that it can be asked for: whether orders could be taken now.
    ///
    /// # Errors
    /// The first shard's that does not answer.
    pub async fn reach_store(&self) -> Result<(), StoreError> {
        for shard in self.store.shards() {
            self.store.next_due(*shard).await?;
        }
        Ok(())
    }
}
