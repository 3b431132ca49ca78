//! `GET /openapi.json`: the document of the whole interface, made at the first call.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use super::refusals::{REQUEST, refusals};
use super::tags;
use crate::answer::{self, Answer};
use crate::problem::Code;
use crate::request::NoQuery;
use crate::router::document;
use crate::state::Edge;

refusals!(GetDocumentRefusals: REQUEST, [Code::InvalidQuery]);

/// The beginning of the document.
fn beginning() -> Value {
    json!({"openapi": "3.1.0"})
}

/// This document, OpenAPI 3.1
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDocument",
    tag = tags::PAGES,
    responses(
        (
            status = 200,
            description = "The document.",
            headers(("Cache-Control")),
            body = Object,
            example = json!(beginning()),
        ),
        GetDocumentRefusals,
    ),
)]
pub(crate) async fn show_document(State(edge): State<Edge>, _: NoQuery) -> Answer {
    let document = edge
        .document
        .get_or_init(|| Bytes::from(document(&edge.settings.version)));
    let mut response = answer::json(StatusCode::OK, Vec::new());
    *response.body_mut() = Body::from(document.clone());
    response
}
