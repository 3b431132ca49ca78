//! What both edges do with connections: accept them, share them fairly, watch over them, and stop in two steps.
//!
//! An edge makes a [`Listening`] and serves through it. It gets each accepted connection as a [`ConnectionStream`], makes one of
//! hyper's connections of it, with [`Connection::executor`] for the streams of HTTP/2, and runs that by [`Connection::run`].
//! For each request it calls [`Connection::begin_request`] and passes its answer through [`RequestInFlight::answer`]. With
//! that, idle connections end, no client address holds all connections, clients that do not take their answers are cut off, and
//! the bytes of all answers together stay below a [`MemoryBudget`].
//!
//! Nothing here knows an address, a request or an answer of an edge.

mod accept_failures;
mod answer_body;
mod client_address;
mod connection;
mod connections;
mod listening;
mod memory_budget;
mod requests;
mod stream;
mod ticks;

pub use answer_body::AnswerBody;
pub use connection::Connection;
pub use listening::{Listening, ServeReport};
pub use memory_budget::{BudgetUsedUp, MemoryBudget, Reservation};
pub use requests::{RequestInFlight, StreamTasks};
pub use stream::ConnectionStream;
