//! The handler `http`: the work of an order is a signed POST to the user's own endpoint.
//!
//! The binary builds an [`HttpHandler`] if the configuration names a URL and hands it to the worker. Each call carries
//! the order's id as its `Idempotency-Key`, because it may come more than once. It never follows a redirect and never
//! waits before it tries again: the worker decides from the typed outcome. docs/HANDLER.md is the contract with the
//! endpoint, and the tests compare it with what is sent.

mod answer;
mod call;
mod client;
mod failure_code;
mod headers;
mod message;
mod outcome;
mod result;
mod retry_after;
mod reuse;
mod settings;
mod signer;

pub use call::HttpHandler;
pub use failure_code::FailureCode;
pub use settings::{ClientCertificate, HttpHandlerSettings, SettingsError};
