//! The rules of an order: what a valid one is, which states it passes through, and what each change of it records.
//!
//! Everything here is pure. There is no I/O, no async, no clock and no randomness: time and random bits are
//! arguments, so that every decision can be repeated in a test. Edges build a [`PlaceOrder`] out of untrusted
//! input; use cases turn it, or an existing [`Order`], into a [`Decision`]; stores write decisions down.

pub mod adjustment;
mod attempt;
pub mod currency;
pub mod decimal;
pub mod decision;
pub mod event;
pub mod fault;
pub mod fingerprint;
pub mod id;
pub mod money;
pub mod order;
pub mod place;
pub mod quantity;
pub mod receipt;
pub mod receipt_form;
pub mod status;
pub mod text;
pub mod time;
pub mod varint;

pub use adjustment::{Adjustment, AdjustmentKind};
pub use currency::Currency;
pub use decision::{Decision, History, HistoryStatus, Job, OrderCommand, Refusal};
pub use event::{Cause, Event, Trace};
pub use fault::Fault;
pub use fingerprint::Fingerprint;
pub use id::{Bucket, EventId, EventPosition, OrderId, Seq, ShardId, Version};
pub use money::Money;
pub use order::{Failure, Lane, Line, Order, Source, Wait, WaitingFor};
pub use place::{AdjustmentDraft, CheckRules, Given, LineDraft, OrderDraft, PlaceOrder};
pub use quantity::Quantity;
pub use receipt::Receipt;
pub use receipt_form::{ReceiptForm, ReceiptLocation, ReceiptTemplate};
pub use status::{EventType, Status, Transition};
pub use text::{
    Actor, ExternalId, IdempotencyKey, Label, Metadata, ProductName, Reason, RequestId, Sku, UserId,
};
pub use time::Timestamp;
