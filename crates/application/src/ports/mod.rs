//! The ports: what the application needs of the outside, in few methods each. What a port promises is written at
//! its trait and checked against every adapter by the crate `port-conformance`.

mod clock;
mod handler;
mod hints;
mod receipts;
mod store;
mod work;

pub use clock::{Clock, Ids};
pub use handler::{FaultScope, OrderHandler, Outcome};
pub use hints::{Dispatch, StatusBus};
pub use receipts::{ReceiptError, ReceiptStore};
pub use store::{
    CommitError, Committed, Counts, Deadline, Erasure, EventPage, Guard, ListFilter, ListQuery,
    OrderPage, OrderStore, PROBE_BYTES, SequencedEvent, Settle, StoreError, Write,
};
pub use work::{BucketRound, Claim, ClaimLimits, LaneLimit, NextDue, PER_BUCKET, RescuePolicy};
