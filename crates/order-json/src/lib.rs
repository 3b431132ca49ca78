//! Orders as JSON: reading what clients send and what servers answer, and writing what every answer, stream, export and
//! outside call shows.
//!
//! Edges, the importer, the command line and the webhook adapter call it. It knows no HTTP, no store and no use case: what the grammar of
//! JSON refuses is [`Malformed`], what an order does not allow is a [`domain::Fault`] with a JSON pointer, and the caller
//! decides what either means to its client.
//!
//! | module | owns |
//! | --- | --- |
//! | `reader` | the grammar: a pull reader over one text |
//! | `members` | one object with its values as they are written |
//! | `answer` | whole orders and pages of lists, as servers answer them |
//! | `read` | orders, rows of a batch, and bodies of commands, with all faults at once |
//! | `write` | orders, events and rows of a batch |
//! | `nearest` | the known name nearest to a mistyped one |
//!
//! What holds: numbers stay texts, so no digit of an amount is lost and no price passes through a float; a key that comes
//! twice in an object is refused wherever it is; nesting and the number of faults are bounded.

mod answer;
mod members;
mod nearest;
mod read;
mod reader;
mod write;

pub use answer::{
    AdjustmentView, AnswerError, AnswerFault, FailureView, LineView, OrderPage, OrderView,
    WaitingForView,
};
pub use members::{Members, text_of};
pub use nearest::{did_you_mean, nearest_name, unknown_among};
pub use read::commands::{DeadLetterCommand, read_dead_letter_command, read_reason};
pub use read::fields::MAX_FAULTS;
pub use read::history::HistoryInput;
pub use read::order::{OrderForm, OrderInput, SET_BY_SERVERS, read_order};
pub use reader::{Malformed, MalformedReason, Reader, ValueType};
pub use write::contents::{write_contents, write_failure};
pub use write::event::write_event;
pub use write::order::write_order;
pub use write::row::batch_row;
pub use write::value::{write_amount, write_text, write_text_or_null};
