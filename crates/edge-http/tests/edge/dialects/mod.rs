//! The dialects of other order systems: their captures replayed, and what no capture shows.

mod bodies;
mod capture;
mod lists;
mod order_system;
mod orderflow;
mod ordersystem;
mod refusals;
mod websocket;
