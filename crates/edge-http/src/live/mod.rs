//! The live streams: WebSocket and server-sent events over the hub of `application::watch`. Mounted by `router`; no
//! other address of `/v1` is here. The hub decides what a watcher gets; this module only frames it.

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

/// Whether a path is one of the main port's routes.
pub(crate) fn is_route(path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
    let segments = [(); 5].map(|()| segments.next());
    matches!(
        segments,
        [Some("ws"), None, ..]
            | [Some("v1"), Some("stream"), None, ..]
            | [Some("v1"), Some("orders"), Some(_), Some("stream"), None]
    )
}

/// The routes of the separate WebSocket port, which any page may open.
pub(crate) fn ws_port_routes() -> Router<EdgeState> {
    Router::new().route("/ws", get(websocket::open_from_anywhere))
}
