//! Requests and answers of the three other order systems. Names match without regard to case, null is the same as a
//! missing field, and unknown fields are ignored; docs/DIALECTS.md has the rest.

use utoipa::ToSchema;

use super::value::{AboveZero, ApiPrice, Count, ShortAmount, Time, WholeQuantity};

/// An order of orderflow's: one product.
#[derive(ToSchema)]
pub(in crate::openapi) struct NewApiOrder {
    /// 1-100 characters.
    #[schema(min_length = 1, max_length = 100)]
    user_id: String,
    /// 1-255 characters.
    #[schema(min_length = 1, max_length = 255)]
    product_name: String,
    quantity: WholeQuantity,
    price: ApiPrice,
}

/// The answer to a new order.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiOrderPlaced {
    order: ApiOrder,
    /// The key of its receipt, which exists once the order is PROCESSED.
    receipt: String,
    /// By the first letter of the user.
    shard: ShardLabel,
    shard_info: String,
}

/// An order as orderflow shows it. One with several lines, adjustments or a fractional quantity has quantity 1 and the
/// amount as its price.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiOrder {
    id: String,
    user_id: String,
    product_name: String,
    quantity: WholeQuantity,
    price: ShortAmount,
    status: ApiStatus,
    #[schema(required = false)]
    receipt_s3_key: String,
    created_at: Time,
    updated_at: Time,
}

/// A list of orderflow's.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiOrders {
    count: Count,
    orders: Vec<ApiOrder>,
}

/// Users from A to M, and all others.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::openapi) enum ShardLabel {
    Shard1,
    Shard2,
}

/// Our statuses in orderflow's spelling; `created` in the answer to a POST.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::openapi) enum ApiStatus {
    Created,
    Pending,
    Processing,
    Retrying,
    Processed,
    Failed,
    OnHold,
    Cancelled,
}

/// A refusal in orderflow's form.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiError {
    error: String,
}

/// An order of orderSystem's, or, with an `order_id`, of Order System's.
#[derive(ToSchema)]
pub(in crate::openapi) struct NewNumberedOrder {
    /// The client's own number.
    #[schema(required = false)]
    order_id: String,
    /// 1-100 characters.
    #[schema(min_length = 1, max_length = 100)]
    user_id: String,
    amount: AboveZero,
    /// ISO 4217, in either case; with an `order_id` alone.
    #[schema(required = false)]
    currency: String,
    /// With an `order_id` alone.
    #[schema(required = false)]
    source: String,
    /// With an `order_id` alone.
    #[schema(required = false, value_type = Object)]
    metadata: (),
}

/// An order as orderSystem shows it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct NumberedOrder {
    /// Our id; the client's number if it asked by that.
    order_id: String,
    user_id: String,
    amount: ShortAmount,
    status: super::value::OrderStatus,
    created_at: Time,
}

/// Order System's answer to an order that it took.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::openapi) struct OrderAccepted {
    order_id: String,
    #[schema(pattern = "^order accepted$")]
    status: String,
}
