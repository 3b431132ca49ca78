//! The messages of live streams, and the commands of a WebSocket.

use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, openapi::schema::ObjectBuilder};

use super::value::{Cursor, OrderId, OrderStatus, Time, UserId, Version, one_of};
use application::watch::ResyncReason;

/// A change of an order's status: the data of an `event: status`, and a text frame of a WebSocket.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Change {
    order_id: OrderId,
    /// Null once the order is erased.
    #[schema(required)]
    status: Option<OrderStatus>,
    version: Version,
    /// Null in the changes of an erased order.
    #[schema(required)]
    user_id: Option<UserId>,
    occurred_at: Time,
    /// Resuming from it misses nothing after this change.
    cursor: Cursor,
}

/// A gap that cannot be filled: read the orders again and go on from the cursor. The data of an `event: resync`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Resync {
    reason: ResyncWord,
    cursor: Cursor,
}

/// A text frame of a client.
#[derive(ToSchema)]
#[schema(examples("0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11"))]
#[serde(untagged)]
pub(in crate::openapi) enum SocketCommand {
    /// An order id, bare or quoted: watch this order.
    Order(OrderId),
    /// Watch orders, a user, or everything.
    Subscribe(Subscribe),
    /// Stop watching.
    Unsubscribe(Unsubscribe),
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Subscribe {
    subscribe: Subscription,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Unsubscribe {
    unsubscribe: Topic,
}

/// Exactly one of `order_ids`, `user_id` and `all`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Subscription {
    #[schema(min_items = 1)]
    order_ids: Option<Vec<OrderId>>,
    user_id: Option<UserId>,
    all: Option<bool>,
    /// Everything after this version comes first; with exactly one order id.
    from_version: Option<u32>,
    /// Everything after it comes first; with `user_id` or `all`.
    cursor: Option<Cursor>,
}

/// Exactly one of `order_ids`, `user_id` and `all`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Topic {
    #[schema(min_items = 1)]
    order_ids: Option<Vec<OrderId>>,
    user_id: Option<UserId>,
    all: Option<bool>,
}

/// A text frame of the server.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::openapi) enum SocketFrame {
    /// A status changed; a new subscriber to an order gets its present status first.
    Change(Change),
    /// On the separate WebSocket port alone, for a client that sent a bare order id: the order is over.
    Final(FinalStatus),
    /// A user, or everything, is watched from the cursor on.
    Subscribed(SubscribedFrame),
    /// Read the orders again.
    Resync(ResyncFrame),
    /// The server stops: connect again with the cursor. The close code 1012 follows.
    Reconnect(ReconnectFrame),
    /// The frame before was no command; the connection stays.
    Error(ErrorFrame),
}

/// The one message about an order for clients of orderSystem.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct FinalStatus {
    /// The id, or the number, that was sent.
    order_id: String,
    status: OrderStatus,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct SubscribedFrame {
    subscribed: Position,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ResyncFrame {
    resync: Resync,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ReconnectFrame {
    reconnect: Position,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ErrorFrame {
    error: FrameFault,
}

/// The position of a socket in the changes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct Position {
    cursor: Cursor,
}

/// Why a frame was no command.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct FrameFault {
    /// A stable word for programs, such as `unknown_frame`.
    code: String,
    /// What would be right.
    detail: String,
}

/// Why a gap cannot be filled.
pub(in crate::openapi) struct ResyncWord;

impl PartialSchema for ResyncWord {
    fn schema() -> RefOr<Schema> {
        let words =
            [ResyncReason::TooFarBehind, ResyncReason::NotOfThisStore].map(ResyncReason::code);
        Schema::from(one_of(words).description(Some("Why a gap cannot be filled."))).into()
    }
}

impl ToSchema for ResyncWord {}

/// The whole of an event stream, as text.
pub(in crate::openapi) struct EventStream;

impl PartialSchema for EventStream {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "Server-sent events. `event: status` carries a `Change`, `event: resync` a `Resync`; ids are cursors, \
                 comments are signs of life.",
            ));
        Schema::from(schema).into()
    }
}

impl ToSchema for EventStream {}
