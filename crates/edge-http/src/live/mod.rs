//! The live streams: WebSocket and server-sent events. Mounted by `router`; everything else of `/v1` is not here.

use axum::Router;

use crate::state::EdgeState;

/// The routes of the live streams.
pub fn routes() -> Router<EdgeState> {
    Router::new()
}
