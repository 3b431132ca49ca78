//! What clients of the three other order systems say and hear. Names match without regard to case, null is as good as
//! nothing, and unknown fields are passed over; docs/DIALECTS.md has the rest.

use utoipa::ToSchema;

use super::value::{AboveZero, ApiPrice, Count, Quantity, ShortAmount, Time};

/// An order of orderflow's: one product.
#[derive(ToSchema)]
pub(in crate::openapi) struct NewApiOrder {
    /// 1-100 characters.
    #[schema(min_length = 1, max_length = 100)]
    user_id: String,
    /// 1-255 characters.
    #[schema(min_length = 1, max_length = 255)]
    product_name: String,
    quantity: Quantity,
    price: ApiPrice,
}

/// What became of it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiOrderPlaced {
    order: ApiOrder,
    /// Where its receipt will be.
    receipt: String,
    /// By the first letter of the user.
    shard: ShardLabel,
    shard_info: String,
}

/// An order as orderflow shows it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::openapi) struct ApiOrder {
    id: String,
    user_id: String,
    product_name: String,
    quantity: Quantity,
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
    /// Our id; the client's number where it asked by that.
    order_id: String,
    user_id: String,
    amount: ShortAmount,
    status: super::value::OrderStatus,
    created_at: Time,
}

/// What Order System says of an order that it took.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::openapi) struct OrderAccepted {
    order_id: String,
    #[schema(pattern = "^order accepted$")]
    status: String,
}
