//! The inbound port [`Orders`]: every use case that edges call, with what each takes, answers and refuses.
//!
//! [`LocalOrders`](crate::LocalOrders) implements it over the outbound ports. Everything in its signatures can be sent to
//! another process without loss: owned data and typed errors, no closures, streams or error sources.

mod command;
mod dead_letters;
mod place;
mod read;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    ExternalId, IdempotencyKey, Order, OrderCommand, OrderId, PlaceOrder, Reason, Status, UserId,
    Version,
};

use crate::caller::Caller;
use crate::ports::{Counts, ListFilter, OrderPage};
use crate::store_health::StoreHealth;
use crate::watch::Cursor;

pub use command::{CommandError, ExpectedVersion};
pub use dead_letters::{DeadLetterReason, DeadLetterReasons};
pub use place::{BatchRow, PlaceError, Placed};
pub use read::{FoundReceipt, ListRequest, NamedOrder, OrderEvents, ReadError, ReadReceiptError};

/// Every use case of orders.
///
/// - Access: each call is checked against the caller's scopes. For a caller that is bound to one user, orders of other users
///   do not exist: reads find nothing, commands answer [`CommandError::NotFound`], lists are narrowed.
/// - Deadline: each call ends at [`Caller::deadline`], reads and writes alike. A wait that ends so fails with
///   [`StoreError::Expired`](crate::ports::StoreError::Expired) if nothing was and will be written.
/// - Freshness: a read sees every write that was confirmed before it began.
#[async_trait]
pub trait Orders: Send + Sync + 'static {
    /// Places one order; durable when it returns a success. Needs `orders:write`.
    ///
    /// # Errors
    /// See [`PlaceError`]. After any error, the same request with the same key finds out what happened.
    async fn place(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError>;

    /// Places many orders, each on its own; one answer for each row, in the same order. Needs `orders:write`.
    async fn place_batch(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>>;

    /// An order by its id. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn get(&self, caller: &Caller, id: OrderId) -> Result<Option<Arc<Order>>, ReadError>;

    /// An order by its user's number for it. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn find(
        &self,
        caller: &Caller,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError>;

    /// The order with this id or, if there is none, the one with this external id of any user: clients of the
    /// systems that ordermill replaces name their orders so. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn find_by_name(&self, caller: &Caller, name: &str) -> Result<NamedOrder, ReadError>;

    /// A page of orders, newest first. A page may be shorter than its limit although more follow: the number of orders that
    /// one page looks at is bounded. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn list(&self, caller: &Caller, request: ListRequest) -> Result<OrderPage, ReadError>;

    /// The order and its events with a version above `after`, ascending, at most `limit`; `None` for an unknown order. Needs
    /// `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn events(
        &self,
        caller: &Caller,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<OrderEvents>, ReadError>;

    /// Whether a watcher that resumes one order at `cursor` has nothing left to wait for: the order is final, and its last
    /// change lies before the cursor. `false` for an unknown order, which may still come. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn has_seen_all(
        &self,
        caller: &Caller,
        id: OrderId,
        cursor: &Cursor,
    ) -> Result<bool, ReadError>;

    /// The receipt of an order. One that was never stored, or whose store is no longer configured, is rendered: the bytes
    /// are the same. Needs `orders:read`.
    ///
    /// # Errors
    /// See [`ReadReceiptError`].
    async fn receipt(&self, caller: &Caller, id: OrderId)
    -> Result<FoundReceipt, ReadReceiptError>;

    /// How many orders have each status, of all users. Needs `orders:read`, and no binding to a user.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn counts(&self, caller: &Caller) -> Result<Counts, ReadError>;

    /// Applies a command to one order, if it is at an expected version; durable when it returns the changed order. `reason` is
    /// recorded. Needs `orders:operate`; `orders:write` is enough to cancel an order of the user that the caller is bound to.
    ///
    /// # Errors
    /// See [`CommandError`].
    async fn command(
        &self,
        caller: &Caller,
        id: OrderId,
        command: OrderCommand,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError>;

    /// Brings one order to `status`, if it is at an expected version. An order that has the status already is not changed.
    /// CANCELLED, ON_HOLD, and PENDING for an order on hold can be asked for; everything else is for operators and workers.
    /// Needs what [`Orders::command`] needs.
    ///
    /// # Errors
    /// See [`CommandError`].
    async fn set_status(
        &self,
        caller: &Caller,
        id: OrderId,
        status: Status,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError>;

    /// Replays or discards up to `limit` dead letters that match `filter`, newest first; returns how many. Letters that change
    /// meanwhile are left as they are. Needs `orders:operate`.
    ///
    /// # Errors
    /// [`CommandError::Store`] if the store fails; what was changed before stays changed. [`CommandError::Forbidden`].
    async fn command_dead_letters(
        &self,
        caller: &Caller,
        filter: ListFilter,
        command: OrderCommand,
        reason: Option<Reason>,
        limit: usize,
    ) -> Result<usize, CommandError>;

    /// Counts up to `limit` dead letters, of one user or of all, by their reason. Needs `orders:operate`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn dead_letter_reasons(
        &self,
        caller: &Caller,
        user_id: Option<UserId>,
        limit: usize,
    ) -> Result<DeadLetterReasons, ReadError>;

    /// Whether the shards can be reached and take commits. Asks all shards at the same time; one that has not answered by the
    /// deadline is unreachable. Needs no scope: it tells nothing of any order.
    async fn store_health(&self, caller: &Caller) -> StoreHealth;
}
