//! The OpenAPI document: the handlers' descriptions (`#[utoipa::path]`), the schemas of bodies, and the call to the
//! operator's endpoint (`webhooks`). `GET /openapi.json` shows it.
//!
//! It is made at the first request for it, from the router's routes, the problems' codes and the domain's bounds, and then
//! kept. The tests check every answer of the edge against it.

pub(crate) mod content;
mod document;
mod endpoint;
pub(crate) mod examples;
mod headers;
pub(crate) mod parameters;
pub(crate) mod refusals;
pub(crate) mod schemas;
pub(crate) mod tags;
mod webhooks;

pub(crate) use document::document;
pub(crate) use endpoint::{__path_show_document, LazyDocument, show_document};
