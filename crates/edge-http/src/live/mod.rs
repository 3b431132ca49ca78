//! The live streams: WebSocket and server-sent events over the hub of `application::watch`. Mounted by `router`; no
//! other address of `/v1` is here. The hub decides what a watcher gets; this module only frames it.

pub(crate) mod event_stream;
pub(crate) mod websocket;
