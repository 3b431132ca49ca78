//! `GET /v1/orders/{id}/receipt`: the receipt as text; 404 until the order is PROCESSED, and 404 with
//! another code if there is no such order.

use axum::http::StatusCode;

use super::{existing_order, no_query, order_id, read};
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
    let deadline = edge.deadline();
    if let Some(text) = read(deadline, edge.application.receipt(id)).await? {
        return Ok(answer::text(StatusCode::OK, text));
    }
    let order = existing_order(edge, id, deadline).await?;
    Err(Problem::no_receipt(order.status))
}
