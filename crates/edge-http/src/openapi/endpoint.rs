//! `GET /openapi.json`: the document of the whole interface, made at the first call.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;

use crate::answer::{self, Answer};
use crate::endpoints::no_query;
use crate::problem::Problem;
use crate::request::Incomer;
use crate::state::EdgeState;

pub(crate) fn show(edge: &EdgeState, incomer: &Incomer<'_>) -> Result<Answer, Problem> {
    no_query(incomer)?;
    let document = edge
        .document
        .get_or_init(|| Bytes::from(super::document(&edge.settings.version)));
    let mut response = answer::json(StatusCode::OK, Vec::new());
    *response.body_mut() = Body::from(document.clone());
    Ok(response)
}
