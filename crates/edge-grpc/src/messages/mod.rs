//! Between the messages of `ordermill.v1` and the domain: `read` and `read_order` make commands and conditions of what
//! came, the `write` modules make messages of what the use cases return. Methods call it; it decides nothing.

mod read;
mod read_order;
mod write;
mod write_event;
mod write_stats;

pub(crate) use read::{Faults, read_filter, read_order_id, read_reason, read_status};
pub(crate) use read_order::{read_batch_row, read_order};
pub(crate) use write::{change, order, placed_order, position, resync};
pub(crate) use write_event::event;
pub(crate) use write_stats::{breaker, dead_letter_reason, duration, health_reason};
