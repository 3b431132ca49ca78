//! The use cases in this process, one a file: [`LocalOrders`] implements [`Orders`] over the outbound ports.
//!
//! Wiring makes one and hands it to the edges as `Arc<dyn Orders>`. Each use case first asks `access` whether the caller
//! may have it, and ends at the caller's deadline. Nothing here knows a protocol or a store.

mod command;
mod command_dead_letters;
mod dead_letter_reasons;
mod find_by_name;
mod has_seen_all;
mod health;
mod in_flight;
mod local_orders;
mod place;
mod read;
mod set_status;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    ExternalId, IdempotencyKey, Order, OrderCommand, OrderId, PlaceOrder, Reason, Status, UserId,
    Version,
};

use crate::caller::Caller;
use crate::orders::{
    BatchRow, CommandError, DeadLetterReasons, ExpectedVersion, FoundReceipt, ListRequest,
    NamedOrder, OrderEvents, Orders, PlaceError, Placed, ReadError, ReadReceiptError,
};
use crate::ports::{Counts, ListFilter, OrderPage};
use crate::store_health::StoreHealth;
use crate::watch::Cursor;

pub use local_orders::{LocalOrders, OrdersDependencies, Settings};

#[async_trait]
impl Orders for LocalOrders {
    async fn place(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError> {
        self.place_order(caller, command, key).await
    }

    async fn place_batch(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        self.place_rows(caller, rows).await
    }

    async fn get(&self, caller: &Caller, id: OrderId) -> Result<Option<Arc<Order>>, ReadError> {
        self.read_order(caller, id).await
    }

    async fn find(
        &self,
        caller: &Caller,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        self.find_order(caller, user, external_id).await
    }

    async fn find_by_name(&self, caller: &Caller, name: &str) -> Result<NamedOrder, ReadError> {
        self.find_named(caller, name).await
    }

    async fn list(&self, caller: &Caller, request: ListRequest) -> Result<OrderPage, ReadError> {
        self.list_orders(caller, request).await
    }

    async fn events(
        &self,
        caller: &Caller,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<OrderEvents>, ReadError> {
        self.order_events(caller, id, after, limit).await
    }

    async fn has_seen_all(
        &self,
        caller: &Caller,
        id: OrderId,
        cursor: &Cursor,
    ) -> Result<bool, ReadError> {
        self.nothing_follows(caller, id, cursor).await
    }

    async fn receipt(
        &self,
        caller: &Caller,
        id: OrderId,
    ) -> Result<FoundReceipt, ReadReceiptError> {
        self.read_receipt(caller, id).await
    }

    async fn counts(&self, caller: &Caller) -> Result<Counts, ReadError> {
        self.count_orders(caller).await
    }

    async fn command(
        &self,
        caller: &Caller,
        id: OrderId,
        command: OrderCommand,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        self.command_order(caller, id, command, &expected, reason)
            .await
    }

    async fn set_status(
        &self,
        caller: &Caller,
        id: OrderId,
        status: Status,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        self.bring_to_status(caller, id, status, &expected, reason)
            .await
    }

    async fn command_dead_letters(
        &self,
        caller: &Caller,
        filter: ListFilter,
        command: OrderCommand,
        reason: Option<Reason>,
        limit: usize,
    ) -> Result<usize, CommandError> {
        self.command_letters(caller, filter, command, reason, limit)
            .await
    }

    async fn dead_letter_reasons(
        &self,
        caller: &Caller,
        user_id: Option<UserId>,
        limit: usize,
    ) -> Result<DeadLetterReasons, ReadError> {
        self.count_reasons(caller, user_id, limit).await
    }

    async fn store_health(&self, caller: &Caller) -> StoreHealth {
        self.ask_shards(caller).await
    }
}
