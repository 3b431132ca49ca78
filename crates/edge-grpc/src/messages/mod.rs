//! Between the messages of `ordermill.v1` and the domain: `read` makes commands and conditions of what came, `write`
//! makes messages of orders and changes. Methods call it; it decides nothing.

mod read;
mod write;

pub(crate) use read::{
    Faults, read_batch_row, read_filter, read_order, read_order_id, read_status,
};
pub(crate) use write::{change, order, placed_order, position, resync};
