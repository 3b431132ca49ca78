//! `POST /orders`, an address of both orderSystem and Order System: reads the body once, finds out which dialect it is,
//! and passes it to that dialect.

use application::PlaceError;
use axum::extract::State;
use domain::PlaceOrder;
use serde_json::{Value, json};

use super::fields::Field;
use super::orders_body::Fields;
use super::placing::{PLACING, Placing};
use super::{order_system, ordersystem};
use crate::answer::Answer;
use crate::error_format::ErrorFormat;
use crate::openapi::parameters::IdempotencyKeyParameter;
use crate::openapi::refusals::refusals;
use crate::openapi::schemas::dialect::{NumberedOrder, NumberedOrderRequest, OrderAccepted};
use crate::openapi::{examples, tags};
use crate::problem::{Code, Problem};
use crate::settings::OrdersDialect;
use crate::state::Edge;

refusals!(PlaceNumberedOrderRefusals in ErrorFormat::PlainText => PLACING, [
    Code::DialectConflict,
    Code::Overloaded,
    Code::RefusedByStore,
]);

/// A body of orderSystem.
fn without_order_id() -> Value {
    json!({"user_id": "alice", "amount": 99.9})
}

/// A body of Order System.
fn with_order_id() -> Value {
    json!({"order_id": "A-1", "user_id": "alice", "amount": 99.9, "currency": "USD"})
}

/// Place an order (orderSystem, Order System)
///
/// A body with an `order_id` is Order System's, any other one orderSystem's, unless the setting `dialects.orders` says
/// otherwise.
#[utoipa::path(
    post,
    path = "/orders",
    operation_id = "placeNumberedOrder",
    tag = tags::DIALECTS,
    params(IdempotencyKeyParameter),
    request_body(content = NumberedOrderRequest, examples(
        ("orderSystem" = (value = json!(without_order_id()))),
        ("Order System" = (value = json!(with_order_id()))),
    )),
    responses(
        (
            status = 201,
            description = "orderSystem: a new order, durable.",
            headers(("Cache-Control")),
            body = NumberedOrder,
            example = json!(examples::numbered_order()),
        ),
        (
            status = 202,
            description = "Order System: the order is durable, now or since before.",
            headers(("Cache-Control")),
            body = OrderAccepted,
            example = json!({"orderId": "A-1", "status": "order accepted"}),
        ),
        PlaceNumberedOrderRefusals,
    ),
)]
pub(crate) async fn place_numbered_order(
    State(edge): State<Edge>,
    placing: Placing,
) -> Result<Answer, Problem> {
    let whose = edge.settings.orders_dialect;
    let (placed, brings_order_id) = placing
        .place(&edge, |bytes, currency| {
            let fields = Fields::read(bytes)?;
            let brings_order_id = match whose {
                OrdersDialect::Auto => fields.order_id != Field::Missing,
                OrdersDialect::WithOrderId => true,
                OrdersDialect::WithoutOrderId => false,
            };
            let command: PlaceOrder = if brings_order_id {
                order_system::command(fields, currency)
            } else {
                ordersystem::command(fields, currency)
            }?;
            Ok((command, brings_order_id))
        })
        .await?;
    match placed {
        Ok(placed) if brings_order_id => Ok(order_system::accepted(&placed)),
        Ok(placed) => Ok(ordersystem::created(&placed)),
        Err(PlaceError::ExternalIdTaken { .. }) => Err(Problem::in_words(
            Code::DialectConflict,
            "order_id is taken by an order with another body",
        )),
        Err(error) => Err(error.into()),
    }
}
