//! Reading: orders, lists, events, receipts and counts. Straight to the store; nothing is cached here.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, Receipt, Status, UserId, Version};

use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::deadline::within;
use crate::orders::{FoundReceipt, ListRequest, OrderEvents, ReadError, ReadReceiptError};
use crate::ports::{Counts, ListQuery, OrderPage, StoreError};

impl LocalOrders {
    pub(super) async fn read_order(
        &self,
        caller: &Caller,
        id: OrderId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        access::may_read(caller)?;
        Ok(self.visible_order(caller, id).await?)
    }

    /// The order with this id, if it exists for the caller. The callers in this module's siblings have checked the scope
    /// that they need.
    pub(super) async fn visible_order(
        &self,
        caller: &Caller,
        id: OrderId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let order = within(caller, self.reader.get(id)).await?;
        Ok(order.filter(|order| access::sees(caller, &order.user_id)))
    }

    pub(super) async fn find_order(
        &self,
        caller: &Caller,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        access::may_read(caller)?;
        if !access::sees(caller, user) {
            return Ok(None);
        }
        Ok(within(caller, self.reader.find(user, external_id)).await?)
    }

    pub(super) async fn list_orders(
        &self,
        caller: &Caller,
        request: ListRequest,
    ) -> Result<OrderPage, ReadError> {
        access::may_read(caller)?;
        Ok(self.visible_page(caller, request).await?)
    }

    /// A page of the orders that exist for the caller. The callers in this module's siblings have checked the scope that
    /// they need.
    pub(super) async fn visible_page(
        &self,
        caller: &Caller,
        request: ListRequest,
    ) -> Result<OrderPage, StoreError> {
        let Some(filter) = access::narrowed(caller, request.filter) else {
            return Ok(OrderPage {
                orders: Vec::new(),
                next_before: None,
            });
        };
        let query = ListQuery {
            filter,
            before: request.before,
            limit: request.limit,
            scan_limit: self.settings.scan_limit,
        };
        within(caller, self.reader.list(&query)).await
    }

    pub(super) async fn order_events(
        &self,
        caller: &Caller,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<OrderEvents>, ReadError> {
        let Some(order) = self.read_order(caller, id).await? else {
            return Ok(None);
        };
        let events = within(caller, self.feed.order_events(id, after, limit)).await?;
        // The order may have been erased since it was read.
        Ok(events.map(|events| OrderEvents { order, events }))
    }

    pub(super) async fn read_receipt(
        &self,
        caller: &Caller,
        id: OrderId,
    ) -> Result<FoundReceipt, ReadReceiptError> {
        let Some(order) = self.read_order(caller, id).await? else {
            return Ok(FoundReceipt::UnknownOrder);
        };
        let (Status::Processed, Some(key)) = (order.status, &order.receipt_key) else {
            return Ok(FoundReceipt::NotYet {
                status: order.status,
            });
        };
        let stored = match self.receipts.store_for(order.receipt.location) {
            Some(store) => {
                let reading = async { store.get(key).await.map_err(ReadReceiptError::from) };
                within(caller, reading).await?
            }
            None => None,
        };
        let text = stored.unwrap_or_else(|| Receipt::of(&order).text);
        Ok(FoundReceipt::Text(text))
    }

    pub(super) async fn count_orders(&self, caller: &Caller) -> Result<Counts, ReadError> {
        access::may_read_all_users(caller)?;
        Ok(within(caller, self.reader.counts()).await?)
    }
}
