//! The ports: what the application needs of the outside, in few methods each. What a port promises is written at
//! its trait and checked against every adapter by the crate `port-conformance`.

mod clock;
mod feed;
mod handler;
mod hints;
mod queue;
mod reader;
mod receipts;
mod sharded;
mod store;
mod store_error;
mod writer;

pub use clock::{Clock, Ids};
pub use feed::{EventContent, EventFeed, EventPage, SequencedEvent};
pub use handler::{FaultScope, OrderHandler, Outcome};
pub use hints::{CommitHint, CommitHints, WakeUps};
pub use queue::{Claim, ClaimLimits, LaneLimit, NextDue, PER_BUCKET, RescuePolicy, WorkQueue};
pub use reader::{Counts, ListFilter, ListQuery, OrderPage, OrderReader};
pub use receipts::{ReceiptError, ReceiptStore};
pub use sharded::Sharded;
pub use store::{OrderStore, StorePorts};
pub use store_error::StoreError;
pub use writer::{
    CommitError, Committed, Deadline, Erasure, Guard, OrderWriter, PROBE_BYTES, Write,
};
