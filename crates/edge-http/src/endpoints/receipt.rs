//! `GET /v1/orders/{id}/receipt`: the receipt as text; 404 until the order is PROCESSED.

use axum::http::StatusCode;

use super::{no_query, order_id, read};
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
    let reading = edge.application.receipt(order_id(id)?);
    let text = read(edge.deadline(), reading)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(answer::text(StatusCode::OK, text))
}
