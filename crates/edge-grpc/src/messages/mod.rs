//! Between the messages of `ordermill.v1` and the domain: `read` and `read_order` make commands and conditions of what
//! came, `write` makes messages of orders and changes. Methods call it; it decides nothing.

mod read;
mod read_order;
mod write;

pub(crate) use read::{Faults, read_filter, read_order_id, read_reason, read_status};
pub(crate) use read_order::{read_batch_row, read_order};
pub(crate) use write::{change, order, placed_order, position, resync};
