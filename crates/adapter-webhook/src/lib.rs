//! The handler `http`: the work of an order is a signed POST to the user's own endpoint.
//!
//! The binary builds an [`HttpHandler`] where the configuration names a URL and hands it to the worker. Each call
//! carries the order's id as its `Idempotency-Key`, because it may come more than once. It never retries by itself
//! and never follows a redirect: the worker decides from the typed outcome.

mod answer;
mod call;
mod retry_after;
mod settings;

pub use call::HttpHandler;
pub use settings::{HttpHandlerSettings, SettingsError};
