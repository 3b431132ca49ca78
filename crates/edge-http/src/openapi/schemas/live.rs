//! The messages of live streams, and the commands of a WebSocket.

use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, openapi::schema::ObjectBuilder};

use super::value::{Cursor, OrderId, OrderStatus, Time, UserId, Version};
use super::word::ResyncWord;

/// A change of an order's status: the data of an `event: status`, and a text frame of a WebSocket.
#[derive(ToSchema)]
pub(crate) struct StatusChange {
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
pub(crate) struct Resync {
    reason: ResyncWord,
    cursor: Cursor,
}

/// A text frame of a client: watch orders, a user, or everything.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    subscribe: Subscription,
}

/// A text frame of a client: stop watching.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsubscribe {
    unsubscribe: Topic,
}

/// Exactly one of `order_ids`, `user_id` and `all`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscription {
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
pub(crate) struct Topic {
    #[schema(min_items = 1)]
    order_ids: Option<Vec<OrderId>>,
    user_id: Option<UserId>,
    all: Option<bool>,
}

/// A text frame of the server, on the separate WebSocket port alone: the one message about an order for a client that
/// sent a bare order id, as orderSystem's do. The order is over.
#[derive(ToSchema)]
pub(crate) struct FinalStatus {
    /// The id, or the number, that was sent.
    order_id: String,
    status: OrderStatus,
}

/// A text frame of the server: a user, or everything, is watched from the cursor on.
#[derive(ToSchema)]
pub(crate) struct SubscribedFrame {
    subscribed: Position,
}

/// A text frame of the server: read the orders again.
#[derive(ToSchema)]
pub(crate) struct ResyncFrame {
    resync: Resync,
}

/// A text frame of the server, which stops: connect again with the cursor. The close code 1012 follows.
#[derive(ToSchema)]
pub(crate) struct ReconnectFrame {
    reconnect: Position,
}

/// A text frame of the server: the frame before was no command; the connection stays.
#[derive(ToSchema)]
pub(crate) struct ErrorFrame {
    error: FrameFault,
}

/// The position of a socket in the changes.
#[derive(ToSchema)]
pub(crate) struct Position {
    cursor: Cursor,
}

/// Why a frame was no command.
#[derive(ToSchema)]
pub(crate) struct FrameFault {
    /// A stable word for programs, such as `unknown_frame`.
    code: String,
    /// What would be right.
    detail: String,
}

/// The whole of an event stream, as text.
pub(crate) struct EventStream;

impl PartialSchema for EventStream {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "Server-sent events. `event: status` carries a `StatusChange`, `event: resync` a `Resync`; ids are cursors, \
                 comments are signs of life.",
            ));
        Schema::from(schema).into()
    }
}

impl ToSchema for EventStream {}
