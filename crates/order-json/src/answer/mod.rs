//! Reading what a server answers: whole orders, and pages of a list. The command line and the export call it.
//!
//! Amounts keep the digits that the server wrote. Members that this build does not know are passed over, so that an older
//! command line reads the orders of a newer server; a member that is missing or of another type is an error with its JSON
//! pointer.

mod object;
mod order;
mod page;

pub use object::{AnswerError, AnswerFault};
pub use order::{AdjustmentView, FailureView, LineView, OrderView, WaitingForView};
pub use page::OrderPage;
