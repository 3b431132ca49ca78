//! `POST /v1/orders/{id}/cancel | hold | release` and `POST /v1/dead-letters/{id}/replay | discard`: changes one
//! order and answers with it as it then is. `If-Match` makes it conditional.

use application::Caller;
use axum::http::StatusCode;
use domain::{OrderId, Steering, Version};
use tokio::time::Instant;

use super::{existing_order, no_query, order_id};
use crate::answer::{self, Answer};
use crate::json::read_nothing;
use crate::problem::Problem;
use crate::request::{Expected, Incomer, if_match, read_body};
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
    let mut faults = Vec::new();
    read_nothing(&body, &mut faults)?;
    drop(body);
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let deadline = edge.deadline();
    let expected = expected_version(edge, id, expected, deadline).await?;
    let caller = Caller { trace, deadline };
    let order = edge
        .application
        .steer_order(&caller, id, steering, expected)
        .await?;
    Ok(answer::order(StatusCode::OK, &order))
}

/// The one version that the change is bound to. Of several that the client takes it is the present one; the change
/// itself then checks it again, in its transaction.
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
