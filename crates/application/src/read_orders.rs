//! Reading: orders, lists, events, receipts and counts. Straight to the store; nothing is cached here.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, Receipt, Status, UserId, Version};

use crate::Application;
use crate::ports::{Counts, ListQuery, OrderPage, ReceiptError, SequencedEvent, StoreError};

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
    /// If the store fails.
    pub async fn get_order(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.store.reader.get(id).await
    }

    /// An order by its user's number for it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn find_order(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        self.store.reader.find(user, external_id).await
    }

    /// A page of orders, newest first. At most the configured number of orders is looked at.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list_orders(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.store.reader.list(query).await
    }

    /// The events of an order with a version above `after`; `None` for an unknown order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.store.feed.order_events(id, after, limit).await
    }

    /// The receipt of an order; `None` for an unknown order and for one that is not PROCESSED. A receipt that was never
    /// stored, or whose store is no longer configured, is rendered: the bytes are the same.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn receipt(&self, id: OrderId) -> Result<Option<String>, ReadReceiptError> {
        let Some(order) = self.store.reader.get(id).await? else {
            return Ok(None);
        };
        let (Status::Processed, Some(key)) = (order.status, &order.receipt_key) else {
            return Ok(None);
        };
        let stored = match self.receipts.store_for(order.receipt.location) {
            Some(store) => store.get(key).await?,
            None => None,
        };
        Ok(Some(stored.unwrap_or_else(|| Receipt::of(&order).text)))
    }

    /// How many orders have each status.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.reader.counts().await
    }
}
