//! The seam of the wiring: what a caller of [`crate::run`] puts beside it. The default is the shipped server.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

/// A task that a caller runs beside the server, under its supervision. It gets the address where HTTP is served once that
/// answers, and a token that is cancelled when the server stops. If it ends earlier, the server stops.
pub type Companion =
    Box<dyn FnOnce(SocketAddr, CancellationToken) -> CompanionTask + Send + 'static>;

/// The task of a [`Companion`]; it fails with the reason.
pub type CompanionTask = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What a caller adds to the server.
#[derive(Default)]
pub struct Wiring {
    /// The name of a companion for the logs, and how it is started.
    pub companion: Option<(&'static str, Companion)>,
}
