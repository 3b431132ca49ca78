//! `GET /v1/orders/{id}`: an order as it is now; 304 if `If-None-Match` names its version.

use axum::extract::State;
use axum::http::StatusCode;

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::{IfNoneMatchParameter, OrderIdParameter};
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::schemas::order::Order;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{IfNoneMatch, NoQuery, OrderIdInPath, RequestCaller};
use crate::state::Edge;

refusals!(GetOrderRefusals: REQUEST, STORE, [
    Code::InvalidId,
    Code::InvalidQuery,
    Code::OrderNotFound,
]);

/// Read an order
#[utoipa::path(
    get,
    path = "/v1/orders/{id}",
    operation_id = "getOrder",
    tag = tags::ORDERS,
    params(OrderIdParameter, IfNoneMatchParameter),
    responses(
        (
            status = 200,
            description = "The order as it is now.",
            headers(("ETag"), ("Cache-Control")),
            body = Order,
            example = json!(examples::order("PROCESSED", 3)),
        ),
        (
            status = 304,
            description = "The order is at the version that `If-None-Match` names.",
            headers(("ETag")),
        ),
        GetOrderRefusals,
    ),
)]
pub(crate) async fn get_order(
    State(edge): State<Edge>,
    _: NoQuery,
    OrderIdInPath(id): OrderIdInPath,
    known: IfNoneMatch,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let order = edge.orders.get(&caller, id).await?;
    let order = order.ok_or_else(Problem::order_not_found)?;
    if known.names(order.version) {
        return Ok(answer::not_modified(order.version));
    }
    Ok(answer::order(StatusCode::OK, &order))
}
