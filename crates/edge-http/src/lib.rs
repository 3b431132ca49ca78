//! ordermill over HTTP: REST, live streams and problem+json.
//!
//! It parses, bounds and answers; past it nothing is invalid. It calls the use cases of `application` alone and
//! never sees a store. The binary calls [`serve`] with a listener and an [`EdgeState`].
//!
//! The path of a request: `server` (connections) -> `layers` (request id, log, guards, body, permit; `browser` decides what
//! pages may do) -> `router` (which handler) -> `endpoints` (one a file; `request` has their extractors, `order_json` reads,
//! `answer` writes) -> `application`. Every refusal is a [`Problem`], made in `problem` alone and rendered by a layer.
//!
//! How to add an endpoint: a handler with its description in `endpoints`, one line in `router`, a test in `tests/edge`. The
//! tests check every answer that they get against the description.

mod answer;
mod browser;
mod dialects;
mod endpoints;
mod error_format;
mod health;
mod layers;
mod live;
mod openapi;
mod pages;
mod problem;
mod request;
mod route_table;
mod router;
mod server;
mod settings;
mod state;

pub use edge_listener::ServeReport;
pub use problem::Problem;
pub use router::document as openapi_document;
pub use server::{serve, serve_websockets};
pub use settings::{
    CORS_ORIGIN_EXPECTED, CorsOrigin, EdgeSettings, HOST_NAME_EXPECTED, HostName, LiveTuning,
    OrdersDialect, Tuning,
};
pub use state::EdgeState;
