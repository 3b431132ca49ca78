//! `POST /v1/orders/{id}/cancel | hold | release` and `POST /v1/dead-letters/{id}/replay | discard`: changes one
//! order and answers with it as it then is. `If-Match` makes it conditional. The body is empty or `{"reason": ...}`.

use axum::http::StatusCode;
use domain::{OrderCommand, Reason};
use order_json::read_reason;

use super::{no_query, order_id};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Incomer, JSON, if_match, media_type, read_body};
use crate::state::EdgeState;

pub(crate) async fn order_command(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    id: &str,
    command: OrderCommand,
) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let id = order_id(id)?;
    let trace = incomer.trace();
    let headers = &incomer.parts.headers;
    let expected = if_match(headers)?;
    let body = read_body(
        edge,
        headers,
        incomer.body,
        incomer.began,
        edge.settings.max_body_bytes,
    )
    .await?;
    // An empty body needs no type.
    if !body.is_empty() {
        media_type(headers, JSON)?;
    }
    let reason = reason_in(&body)?;
    drop(body);
    let caller = edge.caller(trace);
    let order = edge
        .orders
        .command(&caller, id, command, expected, reason)
        .await?;
    Ok(answer::order(StatusCode::OK, &order))
}

fn reason_in(body: &[u8]) -> Result<Option<Reason>, Problem> {
    let mut faults = Vec::new();
    let reason = read_reason(body, &mut faults)?;
    if faults.is_empty() {
        Ok(reason)
    } else {
        Err(Problem::invalid_body(faults))
    }
}
