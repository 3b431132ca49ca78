//! The live streams: WebSocket and server-sent events over the hub of `application::watch`. Mounted by `router`;
//! everything else of `/v1` is not here. What is watched, resumed and told is the hub's; here are the framings.

use axum::Router;
use axum::routing::get;

use crate::state::EdgeState;

mod event_stream;
mod websocket;

/// The routes of the live streams.
pub(crate) fn routes() -> Router<EdgeState> {
    Router::new()
        .route("/ws", get(websocket::open_same_host))
        .route("/v1/stream", get(event_stream::open_many))
        .route("/v1/orders/{id}/stream", get(event_stream::open_order))
}

/// The routes of the separate WebSocket port, which any page may open.
pub(crate) fn ws_port_routes() -> Router<EdgeState> {
    Router::new().route("/ws", get(websocket::open_from_anywhere))
}
