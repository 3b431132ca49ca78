//! ordermill over HTTP: REST, live streams and problem+json.
//!
//! It parses, bounds and answers; past it nothing is invalid. It calls the use cases of `application` alone and
//! never sees a store. The binary calls [`serve`] with a listener and an [`EdgeState`].
//!
//! The path of a request: `server` (connections) -> `dispatch` (guards, request ids, logs) -> `router` (which address) ->
//! `calls` (which endpoint) -> `endpoints` (one a file, with `request` and `order_json` to read and `answer` to write) ->
//! `application`. Every refusal becomes a [`Problem`], in `problem` alone.
//!
//! How to add an endpoint: an `Address` and an `Endpoint` in `router`, a file in `endpoints` with a line in
//! `calls::call`, its description in `openapi::operations`, a test in `tests/edge`. The tests check every answer that
//! they get against the description.

mod answer;
mod calls;
mod connection_timeouts;
mod dialects;
mod dispatch;
mod endpoints;
mod health;
mod host;
mod live;
mod memory_budget;
mod openapi;
mod pages;
mod problem;
mod request;
mod router;
mod server;
mod settings;
mod state;

pub use edge_listener::ServeReport;
pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use server::{serve, serve_websockets};
pub use settings::{EdgeSettings, LiveTuning, OrdersDialect, Tuning};
pub use state::EdgeState;
