//! `GET /v1/orders/{id}`: an order as it is now; 304 where `If-None-Match` names its version.

use axum::http::StatusCode;

use super::{existing_order, no_query, order_id};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Incomer, is_known};
use crate::state::EdgeState;

pub(crate) async fn get_order(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    id: &str,
) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let caller = edge.caller(incomer.trace());
    let order = existing_order(edge, &caller, order_id(id)?).await?;
    if is_known(&incomer.parts.headers, order.version) {
        return Ok(answer::not_modified(order.version));
    }
    Ok(answer::order(StatusCode::OK, &order))
}
