//! Orders as JSON: reading what clients send, and writing what every answer, stream, export and outside call shows.
//!
//! Edges, the importer and the webhook adapter call it. It knows no HTTP, no store and no use case: what the grammar of
//! JSON refuses is [`Malformed`], what an order does not allow is a [`domain::Fault`] with a JSON pointer, and the caller
//! decides what either means to its client. Numbers stay texts, so that no digit of an amount is lost.

mod adjustment;
mod commands;
mod fields;
mod history;
mod items;
mod line;
mod order;
mod reader;
mod write;

pub use commands::{DeadLetterCommand, read_dead_letter_command, read_reason};
pub use fields::{MAX_FAULTS, unknown_among};
pub use history::HistoryInput;
pub use order::{OrderInput, RowFields, read_order};
pub use reader::{Kind, Malformed, Reader};
pub use write::event::write_event;
pub use write::order::{
    write_amount, write_contents, write_failure, write_order, write_text, write_text_or_null,
};
