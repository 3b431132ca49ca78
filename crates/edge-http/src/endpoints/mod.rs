//! The handlers of `/v1`, one file for each address or kind of command: what it takes, answers and refuses. `router` names
//! them.

mod batch_rows;
pub(crate) mod dead_letter_reasons;
pub(crate) mod dead_letters;
pub(crate) mod error_page;
pub(crate) mod events;
pub(crate) mod get_order;
pub(crate) mod list_orders;
pub(crate) mod order_command;
mod page_end;
pub(crate) mod place_batch;
pub(crate) mod place_order;
pub(crate) mod probes;
pub(crate) mod receipt;
pub(crate) mod start_page;
pub(crate) mod stats;
