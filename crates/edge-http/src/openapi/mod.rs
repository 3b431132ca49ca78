//! The OpenAPI document: every address, with what it takes, answers and refuses, and the call to the operator's endpoint
//! (`webhooks`). `GET /openapi.json` shows it.
//!
//! It is made at the first request for it, from the router's addresses, the problems' codes and the domain's bounds, and
//! then kept. The tests check every answer of the edge against it, and its addresses against the router's.

mod content;
mod document;
mod endpoint;
mod examples;
mod headers;
mod operation;
mod operations;
mod parameters;
pub(crate) mod refusals;
mod schemas;
mod webhooks;

pub use document::document;
pub(crate) use endpoint::show;
