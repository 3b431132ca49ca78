//! Reading JSON, strictly: what the standard does not allow is [`Malformed`], what an order does not allow is a fault.
//!
//! Numbers stay texts, so that no digit of an amount is lost. Endpoints call it; it knows nothing of HTTP.

mod adjustment;
mod event;
mod fields;
mod history;
mod items;
mod line;
mod order;
mod page;
mod reader;
mod rows;
mod small;

pub(crate) use event::write_event;
pub(crate) use fields::{MAX_FAULTS, unknown_among};
pub use history::HistoryInput;
pub use order::{OrderInput, RowFields, read_order};
pub(crate) use page::write_page_end;
pub(crate) use reader::Kind;
pub use reader::{Malformed, Reader};
pub(crate) use rows::{array_rows, line_rows};
pub(crate) use small::{read_dead_letter_command, read_reason};
