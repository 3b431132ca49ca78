//! `GET /openapi.json`: the document of the whole interface, made at the first call.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Extension;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use super::refusals::{REQUEST, refusals};
use super::tags;
use crate::answer::{self, Answer};
use crate::problem::Code;
use crate::request::NoQuery;

/// The document, made when it is first asked for.
#[derive(Clone)]
pub(crate) struct LazyDocument(Arc<LazyLock<Bytes, MakeDocument>>);

type MakeDocument = Box<dyn FnOnce() -> Bytes + Send>;

impl LazyDocument {
    pub(crate) fn new(make: impl FnOnce() -> Vec<u8> + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| Bytes::from(make())))))
    }
}

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
pub(crate) async fn show_document(
    Extension(LazyDocument(document)): Extension<LazyDocument>,
    _: NoQuery,
) -> Answer {
    let mut response = answer::json(StatusCode::OK, Vec::new());
    *response.body_mut() = Body::from(Bytes::clone(&document));
    response
}
