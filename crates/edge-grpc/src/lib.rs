//! ordermill over gRPC: the services of `ordermill.v1`, those of the dialects, health and reflection.
//!
//! It parses, bounds and answers; past it nothing is invalid. It calls the use cases of `application` alone and never
//! sees a store, nor another edge. The binary calls [`serve`] with a listener and a [`GrpcEdge`].
//!
//! A call's way: `server` (connections) -> `layers` (names, the log, panics, deadlines, permits) -> tonic's routes ->
//! `orders` or `dialects` (one method a file, with `messages` to read and to write) -> `application`. Every refusal becomes
//! a status in `refusal` alone.
//!
//! How to add a method: the .proto file, a file in `orders`, a test in `tests/edge`.

mod answer_body;
mod answer_memory;
mod batched_writes;
mod call;
mod call_end;
mod connection;
mod dialects;
mod health;
mod intake;
mod layers;
mod message_memory;
mod messages;
mod methods;
mod orders;
mod preface;
mod refusal;
mod request_body;
mod rows;
mod server;
mod settings;
mod slow_reader;
mod state;

pub use edge_listener::ServeReport;
pub use server::serve;
pub use settings::{GrpcSettings, Tuning};
pub use state::GrpcEdge;
