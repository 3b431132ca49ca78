//! ordermill over gRPC: the services of `ordermill.v1`, those of the dialects, health and reflection.
//!
//! It parses, bounds and answers; past it nothing is invalid. It calls the use cases of `application` alone and never
//! sees a store, nor another edge. The binary calls [`serve`] with a listener and a [`GrpcEdge`].
//!
//! A call's way: `server` (connections) -> `dispatch` (names, bounds, panics, the log) -> `orders` or `dialects` (one
//! method a file, with `messages` to read and to write) -> `application`. Whatever is refused becomes a status in
//! `refusal` alone.
//!
//! The rules of the HTTP edge for pages in a browser (`Origin`, `Sec-Fetch-Site`, `Host`) have no counterpart here, because no
//! page can make a call: browsers speak HTTP/2 over TLS only, this port answers only HTTP/2 in clear text, and gRPC-Web, which
//! would work over HTTP/1.1, is not served.
//!
//! How to add a method: the .proto file, its line in `route`, a file in `orders`, a test in `tests/edge`.

mod call;
mod call_body;
mod calls;
mod dialects;
mod dispatch;
mod ending;
mod health;
mod intake;
mod messages;
mod orders;
mod preface;
mod refusal;
mod request_body;
mod room;
mod route;
mod rows;
mod server;
mod services;
mod settings;
mod state;
mod taking;

pub use edge_listener::ServeReport;
pub use server::serve;
pub use settings::{GrpcSettings, Tuning};
pub use state::GrpcEdge;
