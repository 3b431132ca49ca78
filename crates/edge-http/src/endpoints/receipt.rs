//! `GET /v1/orders/{id}/receipt`: the receipt as text; 404 until the order is PROCESSED, and 404 with
//! another code if there is no such order.

use application::FoundReceipt;
use axum::extract::State;
use axum::http::StatusCode;

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::OrderIdParameter;
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{NoQuery, OrderIdInPath, RequestCaller};
use crate::state::Edge;

refusals!(GetReceiptRefusals: REQUEST, STORE, [
    Code::InvalidId,
    Code::InvalidQuery,
    Code::NoReceipt,
    Code::OrderNotFound,
    Code::ReceiptStoreUnavailable,
]);

/// An order's receipt, as text
///
/// There is none until the order is PROCESSED.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}/receipt",
    operation_id = "getReceipt",
    tag = tags::ORDERS,
    params(OrderIdParameter),
    responses(
        (
            status = 200,
            description = "The receipt.",
            headers(("Cache-Control")),
            body = String,
            content_type = "text/plain",
            example = json!(examples::RECEIPT),
        ),
        GetReceiptRefusals,
    ),
)]
pub(crate) async fn get_receipt(
    State(edge): State<Edge>,
    _: NoQuery,
    OrderIdInPath(id): OrderIdInPath,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    match edge.orders.receipt(&caller, id).await? {
        FoundReceipt::Text(text) => Ok(answer::text(StatusCode::OK, text)),
        FoundReceipt::NotYet { status } => Err(Problem::no_receipt(status)),
        FoundReceipt::UnknownOrder => Err(Problem::order_not_found()),
    }
}
