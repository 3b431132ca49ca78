//! `POST /v1/orders/{id}/cancel | hold | release` and `POST /v1/dead-letters/{id}/replay | discard`: changes one
//! order and answers with it as it then is. `If-Match` makes it conditional. The body is empty or `{"reason": ...}`.

use axum::http::StatusCode;
use domain::{OrderId, Reason, Steering, Version};
use order_json::read_reason;
use tokio::time::Instant;

use super::{existing_order, no_query, order_id};
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Expected, Incomer, JSON, if_match, media_type, read_body};
use crate::state::EdgeState;

pub(crate) async fn steer_order(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    id: &str,
    steering: Steering,
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
    let expected = expected_version(edge, id, expected, caller.deadline).await?;
    let order = edge
        .application
        .steer_order(&caller, id, steering, expected, reason)
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

/// The one version that the change is bound to. If the client accepts several, it is the present one; the change checks
/// it again in its transaction.
async fn expected_version(
    edge: &EdgeState,
    id: OrderId,
    expected: Expected,
    deadline: Instant,
) -> Result<Option<Version>, Problem> {
    let versions = match expected {
        Expected::Any => return Ok(None),
        Expected::OneOf(versions) => versions,
    };
    if let [version] = versions[..] {
        return Ok(Some(version));
    }
    let current = existing_order(edge, id, deadline).await?.version;
    if versions.contains(&current) {
        Ok(Some(current))
    } else {
        Err(Problem::version_mismatch(current))
    }
}
