//! `GET /openapi.json`: the document of the whole interface, made at the first call.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;

use super::document::document;
use crate::answer::{self, Answer};
use crate::endpoints::no_query;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::state::EdgeState;

pub(crate) fn show(edge: &EdgeState, context: &RequestContext<'_>) -> Result<Answer, Problem> {
    no_query(context)?;
    let document = edge
        .document
        .get_or_init(|| Bytes::from(document(&edge.settings.version)));
    let mut response = answer::json(StatusCode::OK, Vec::new());
    *response.body_mut() = Body::from(document.clone());
    Ok(response)
}
