//! Requests and answers of the three other order systems. Names match without regard to case, null is the same as a
//! missing field, and unknown fields are ignored; docs/DIALECTS.md has the rest.

use utoipa::ToSchema;

use super::value::{AboveZero, Count, OrderflowPrice, ShortAmount, Time, WholeQuantity};
use super::word::{OrderflowShard, OrderflowStatus};

/// An order of orderflow's: one product.
#[derive(ToSchema)]
pub(crate) struct OrderflowOrderRequest {
    /// 1-100 characters.
    #[schema(min_length = 1, max_length = 100)]
    user_id: String,
    /// 1-255 characters.
    #[schema(min_length = 1, max_length = 255)]
    product_name: String,
    quantity: WholeQuantity,
    price: OrderflowPrice,
}

/// The answer to a new order.
#[derive(ToSchema)]
pub(crate) struct OrderflowOrderPlaced {
    order: OrderflowOrder,
    /// The key of its receipt, which exists once the order is PROCESSED.
    receipt: String,
    /// By the first letter of the user.
    shard: OrderflowShard,
    shard_info: String,
}

/// An order as orderflow shows it. One with several lines, adjustments or a fractional quantity has quantity 1 and the
/// amount as its price.
#[derive(ToSchema)]
pub(crate) struct OrderflowOrder {
    id: String,
    user_id: String,
    product_name: String,
    quantity: WholeQuantity,
    price: ShortAmount,
    status: OrderflowStatus,
    #[schema(required = false)]
    receipt_s3_key: String,
    created_at: Time,
    updated_at: Time,
}

/// A list of orderflow's.
#[derive(ToSchema)]
pub(crate) struct OrderflowOrders {
    count: Count,
    orders: Vec<OrderflowOrder>,
}

/// A refusal in orderflow's form.
#[derive(ToSchema)]
pub(crate) struct OrderflowError {
    error: String,
}

/// An order of orderSystem's, or, with an `order_id`, of Order System's.
#[derive(ToSchema)]
pub(crate) struct NumberedOrderRequest {
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
pub(crate) struct NumberedOrder {
    /// Our id; the client's number if it asked by that.
    order_id: String,
    user_id: String,
    amount: ShortAmount,
    status: super::value::OrderStatus,
    created_at: Time,
}

/// Order System's answer to an order that it took.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderAccepted {
    order_id: String,
    #[schema(pattern = "^order accepted$")]
    status: String,
}
