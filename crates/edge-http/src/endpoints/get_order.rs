//! `GET /v1/orders/{id}`: an order as it is now; 304 where `If-None-Match` names its version.

use axum::http::StatusCode;

use super::{existing_order, no_query, order_id};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{RequestContext, is_known};
use crate::state::EdgeState;

pub(crate) async fn get_order(
    edge: &EdgeState,
    context: RequestContext<'_>,
    id: &str,
) -> Result<Answer, Problem> {
    no_query(&context)?;
    let caller = edge.caller(context.trace());
    let order = existing_order(edge, &caller, order_id(id)?).await?;
    if is_known(&context.parts.headers, order.version) {
        return Ok(answer::not_modified(order.version));
    }
    Ok(answer::order(StatusCode::OK, &order))
}
