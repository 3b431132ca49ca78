//! Orders: as clients place them, as they are shown, their lists, batches and events.

use utoipa::ToSchema;

use super::problem::Problem;
use super::value::{
    Amount, AnyTime, Count, CurrencyCode, Cursor, EventName, ExternalId, HandlerResult,
    IdempotencyKey, Metadata, NewAmount, NewMetadata, OrderId, OrderSource, OrderStatus,
    ProductName, Quantity, RequestName, Sku, Time, TraceId, UserId, Version,
};

/// An order to be. Either `lines` or `amount` is needed; where both are there, the amount must be the sum of the
/// lines. An unknown field is refused, and so is every field that the server sets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct NewOrder {
    user_id: UserId,
    /// A second order with the same number and the same content is the same order.
    external_id: Option<ExternalId>,
    /// `api` where it is missing.
    source: Option<OrderSource>,
    /// The server's default (USD, as far as nothing else is configured) where it is missing.
    currency: Option<CurrencyCode>,
    /// The total.
    amount: Option<NewAmount>,
    /// What is ordered.
    #[schema(max_items = 1000)]
    lines: Option<Vec<NewLine>>,
    metadata: Option<NewMetadata>,
}

/// One line of an order to be.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct NewLine {
    sku: Option<Sku>,
    product_name: ProductName,
    quantity: Quantity,
    unit_price: NewAmount,
}

/// A row of a batch: an order to be, with a key of its own.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct BatchRow {
    user_id: UserId,
    external_id: Option<ExternalId>,
    source: Option<OrderSource>,
    currency: Option<CurrencyCode>,
    amount: Option<NewAmount>,
    #[schema(max_items = 1000)]
    lines: Option<Vec<NewLine>>,
    metadata: Option<NewMetadata>,
    /// What the `Idempotency-Key` header is for a single order.
    idempotency_key: Option<IdempotencyKey>,
    /// When it was made; with `?as=processed` alone, and not in the future.
    created_at: Option<AnyTime>,
}

/// An order as it is now.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Order {
    id: OrderId,
    #[schema(required)]
    external_id: Option<ExternalId>,
    user_id: UserId,
    source: OrderSource,
    status: OrderStatus,
    version: Version,
    currency: CurrencyCode,
    amount: Amount,
    lines: Vec<Line>,
    metadata: Metadata,
    /// How often it was tried since it was placed, or replayed.
    attempt: Count,
    #[schema(required)]
    failure: Option<Failure>,
    result: HandlerResult,
    /// Where its receipt is kept; `GET /v1/orders/{id}/receipt` shows it.
    #[schema(required)]
    receipt_key: Option<String>,
    created_at: Time,
    updated_at: Time,
}

/// One line of an order.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Line {
    #[schema(required)]
    sku: Option<Sku>,
    product_name: ProductName,
    quantity: Quantity,
    unit_price: Amount,
}

/// Why an order, or its last attempt, failed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Failure {
    /// A word for programs, such as `handler_rejected` or `timeout`.
    code: String,
    /// What the handler, or the server, says of it.
    message: String,
}

/// A page of orders, newest first. It looks at a bounded number of orders: it may be short, or empty, with
/// `has_more: true`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct OrderPage {
    data: Vec<Order>,
    /// Whether there may be more.
    has_more: bool,
    /// Where the next page begins.
    #[schema(required)]
    next_cursor: Option<Cursor>,
}

/// What became of a batch's rows.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct BatchResult {
    /// New orders.
    accepted: Count,
    /// Rows whose key or external id was known, with the same content.
    existing: Count,
    /// Rows with a fault of their own.
    refused: Count,
    /// Rows that the store could not take now: send them again, with the same keys.
    unavailable: Count,
    /// One a row, in the order of the rows.
    results: Vec<RowResult>,
}

/// What became of one row: an order, or an error.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct RowResult {
    /// The row, counted from 0.
    index: Count,
    /// The status that the row would have got on its own.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// There, and true, where its `idempotency_key` had placed the order before: the first answer once more.
    #[schema(required = false)]
    idempotent_replayed: bool,
    #[schema(required = false)]
    order: Order,
    #[schema(required = false)]
    error: Problem,
}

/// One change of an order. There is one a version, without gaps.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Event {
    /// `<order_id>:<version>`
    event_id: String,
    event_type: EventName,
    order_id: OrderId,
    version: Version,
    user_id: UserId,
    status: OrderStatus,
    occurred_at: Time,
    /// The request that made the change.
    #[schema(required)]
    request_id: Option<RequestName>,
    #[schema(required)]
    trace_id: Option<TraceId>,
    data: EventData,
}

/// What an event says of its order.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct EventData {
    attempt: Count,
    #[schema(required)]
    failure: Option<Failure>,
    /// When it is tried again.
    #[schema(required)]
    retry_at: Option<Time>,
    #[schema(required)]
    external_id: Option<ExternalId>,
    source: OrderSource,
    currency: CurrencyCode,
    amount: Amount,
    lines: Vec<Line>,
    metadata: Metadata,
}

/// A page of one order's events, oldest first.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct EventPage {
    data: Vec<Event>,
    /// Whether there are more.
    has_more: bool,
    /// Where the next page begins.
    #[schema(required)]
    next_cursor: Option<Cursor>,
}
