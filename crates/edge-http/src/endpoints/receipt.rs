//! `GET /v1/orders/{id}/receipt`: the receipt as text; 404 until the order is PROCESSED, and 404 with
//! another code if there is no such order.

use application::FoundReceipt;
use axum::http::StatusCode;

use super::{no_query, order_id};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;

pub(crate) async fn get_receipt(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    id: &str,
) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let id = order_id(id)?;
    let caller = edge.caller(incomer.trace());
    match edge.orders.receipt(&caller, id).await? {
        FoundReceipt::Text(text) => Ok(answer::text(StatusCode::OK, text)),
        FoundReceipt::NotYet { status } => Err(Problem::no_receipt(status)),
        FoundReceipt::UnknownOrder => Err(Problem::order_not_found()),
    }
}
