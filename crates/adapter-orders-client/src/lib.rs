//! The port [`Orders`](application::Orders) between processes: a gateway asks, an order service answers.
//!
//! [`wire`] owns the wire form of the port: how each call and each answer is written as a message of
//! `ordermill.internal.v1` and read back without loss. [`call`] has calls and answers as values. The client over channels is
//! built on both, and so is the service that it asks. Nothing here opens a connection, reads a clock or decides anything about
//! orders.

pub mod call;
pub mod wire;
