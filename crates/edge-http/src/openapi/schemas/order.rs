//! Orders: as clients place them, as they are shown, their lists, batches and events.

use utoipa::ToSchema;

use super::problem::Problem;
use super::value::{
    Actor, AdjustmentKind, Amount, AnyCurrencyCode, AnyTime, CommandReason, Count, CurrencyCode,
    Cursor, ExternalId, HandlerResult, HistoryStatus, IdempotencyKey, Label, Metadata, OrderId,
    OrderSource, OrderStatus, ProductName, Quantity, RequestAmount, RequestMetadata, RequestName,
    RequestQuantity, RequestSignedAmount, SignedAmount, Sku, SpanId, Time, TraceId, UserId,
    Version,
};
use super::word::{EventName, WaitWord};

/// A new order. `amount` or `lines` is needed, which the server checks; if both are there, the amount must be the sum of
/// the lines and the adjustments that are not included. An unknown field is refused, and so is every field that the server
/// sets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderRequest {
    user_id: UserId,
    /// A second order with the same number and the same content is the same order.
    external_id: Option<ExternalId>,
    /// `api` by default.
    source: Option<OrderSource>,
    /// The server's default (USD unless configured otherwise) if it is missing.
    currency: Option<CurrencyCode>,
    /// What the whole order costs.
    amount: Option<RequestAmount>,
    /// What is ordered.
    #[schema(max_items = 1000)]
    lines: Option<Vec<LineRequest>>,
    /// What is added to the lines or taken off. Without lines they are information, and are not added.
    #[schema(max_items = 50)]
    adjustments: Option<Vec<AdjustmentRequest>>,
    metadata: Option<RequestMetadata>,
    /// The order is not processed before this time.
    process_after: Option<AnyTime>,
}

/// One line of a new order. `unit_price` or `total` is needed, which the server checks. If both are there, they must
/// agree: quantity times unit price may differ from the total by half a minor unit times the quantity, and by half a minor
/// unit more if the quantity is not whole.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineRequest {
    sku: Option<Sku>,
    product_name: ProductName,
    quantity: RequestQuantity,
    /// For a quantity of one.
    unit_price: Option<RequestAmount>,
    /// For the whole line. By default quantity times unit price, which must then be exact in the currency.
    total: Option<RequestAmount>,
}

/// One adjustment of a new order.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdjustmentRequest {
    kind: AdjustmentKind,
    label: Option<Label>,
    amount: RequestSignedAmount,
    /// For a tax that the prices already contain: it is shown and not added. False by default.
    included: Option<bool>,
}

/// A row of a batch: a new order, or one of the past, with a key of its own. As in an order of its own, `amount` or
/// `lines` is needed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRow {
    user_id: UserId,
    external_id: Option<ExternalId>,
    source: Option<OrderSource>,
    /// A withdrawn currency is accepted with `history` only.
    currency: Option<AnyCurrencyCode>,
    amount: Option<RequestAmount>,
    #[schema(max_items = 1000)]
    lines: Option<Vec<LineRequest>>,
    #[schema(max_items = 50)]
    adjustments: Option<Vec<AdjustmentRequest>>,
    metadata: Option<RequestMetadata>,
    process_after: Option<AnyTime>,
    /// What the `Idempotency-Key` header is for a single order.
    idempotency_key: Option<IdempotencyKey>,
    history: Option<OrderHistory>,
}

/// An order of the past: it begins with this status, is never processed, and its events are marked as history.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderHistory {
    status: HistoryStatus,
    /// When it was made; not in the future.
    created_at: AnyTime,
}

/// An order as it is now.
#[derive(ToSchema)]
pub(crate) struct Order {
    id: OrderId,
    #[schema(required)]
    external_id: Option<ExternalId>,
    user_id: UserId,
    source: OrderSource,
    status: OrderStatus,
    version: Version,
    currency: AnyCurrencyCode,
    amount: Amount,
    lines: Vec<Line>,
    adjustments: Vec<Adjustment>,
    metadata: Metadata,
    #[schema(required)]
    process_after: Option<Time>,
    /// Attempts since it was placed or last replayed.
    attempt: Count,
    #[schema(required)]
    failure: Option<Failure>,
    result: HandlerResult,
    /// The key of its receipt; `GET /v1/orders/{id}/receipt` shows it.
    #[schema(required)]
    receipt_key: Option<String>,
    /// What it waits for; null if it is final.
    #[schema(required)]
    waiting_for: Option<WaitingFor>,
    created_at: Time,
    updated_at: Time,
}

/// One line of an order.
#[derive(ToSchema)]
pub(crate) struct Line {
    #[schema(required)]
    sku: Option<Sku>,
    product_name: ProductName,
    quantity: Quantity,
    /// For a quantity of one, as the client gave it; null if it gave only the total.
    #[schema(required)]
    unit_price: Option<Amount>,
    /// For the whole line.
    total: Amount,
}

/// One adjustment of an order.
#[derive(ToSchema)]
pub(crate) struct Adjustment {
    kind: AdjustmentKind,
    #[schema(required)]
    label: Option<Label>,
    amount: SignedAmount,
    /// Whether the prices contain it already, so that it is not added to the amount.
    included: bool,
}

/// What an order waits for, since its last change.
#[derive(ToSchema)]
pub(crate) struct WaitingFor {
    what: WaitWord,
    /// The time, for `process_after` and `retry`; once it has passed, the order waits for a worker.
    #[schema(required)]
    until: Option<Time>,
}

/// The optional body of a command.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandRequest {
    reason: Option<CommandReason>,
}

/// Why an order, or its last attempt, failed.
#[derive(ToSchema)]
pub(crate) struct Failure {
    /// A word for programs, such as `handler_rejected` or `timeout`.
    code: String,
    /// A sentence from the handler or the server.
    message: String,
}

/// A page of orders, newest first. It looks at a bounded number of orders: it may be short, or empty, with
/// `has_more: true`.
#[derive(ToSchema)]
pub(crate) struct OrderPage {
    data: Vec<Order>,
    /// Whether there may be more.
    has_more: bool,
    /// Where the next page begins.
    #[schema(required)]
    next_cursor: Option<Cursor>,
}

/// The results of a batch.
#[derive(ToSchema)]
pub(crate) struct BatchResult {
    /// New orders.
    accepted: Count,
    /// Rows whose key or external id was known, with the same content.
    existing: Count,
    /// Rows with a fault of their own.
    refused: Count,
    /// Rows that the store could not take now: send them again with the same keys.
    unavailable: Count,
    /// One a row, in the order of the rows.
    results: Vec<RowResult>,
}

/// The result of one row: an order, or an error.
#[derive(ToSchema)]
pub(crate) struct RowResult {
    /// The row, counted from 0.
    index: Count,
    /// The status that a single request would have got.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// True if its `idempotency_key` had placed the order before: the first answer again. Otherwise missing.
    #[schema(required = false)]
    idempotent_replayed: bool,
    #[schema(required = false)]
    order: Order,
    #[schema(required = false)]
    error: Problem,
}

/// One change of an order. There is one for each version, without gaps. User and status are null in an event of an erased
/// order.
#[derive(ToSchema)]
pub(crate) struct OrderEvent {
    /// `<order_id>:<version>`
    event_id: String,
    event_type: EventName,
    order_id: OrderId,
    version: Version,
    #[schema(required)]
    user_id: Option<UserId>,
    #[schema(required)]
    status: Option<OrderStatus>,
    occurred_at: Time,
    #[schema(required)]
    actor: Option<Actor>,
    #[schema(required)]
    reason: Option<CommandReason>,
    /// Whether it is imported history.
    history: bool,
    /// The request that made the change.
    #[schema(required)]
    request_id: Option<RequestName>,
    #[schema(required)]
    trace_id: Option<TraceId>,
    #[schema(required)]
    span_id: Option<SpanId>,
    data: EventData,
}

/// The order's data in an event.
#[derive(ToSchema)]
pub(crate) struct EventData {
    attempt: Count,
    #[schema(required)]
    failure: Option<Failure>,
    /// When the next attempt is due.
    #[schema(required)]
    retry_at: Option<Time>,
    #[schema(required)]
    external_id: Option<ExternalId>,
    source: OrderSource,
    currency: AnyCurrencyCode,
    amount: Amount,
    lines: Vec<Line>,
    adjustments: Vec<Adjustment>,
    metadata: Metadata,
    #[schema(required)]
    process_after: Option<Time>,
}

/// A page of one order's events, oldest first.
#[derive(ToSchema)]
pub(crate) struct EventPage {
    data: Vec<OrderEvent>,
    /// Whether there are more.
    has_more: bool,
    /// Where the next page begins.
    #[schema(required)]
    next_cursor: Option<Cursor>,
}
