//! What ordermill does for its callers, one use case a file, and the ports that it needs for that.
//!
//! Edges call [`Orders`] and watch through the [`watch::Hub`], always as a [`Caller`]; workers call the outbound
//! [`ports`]. Nothing here knows HTTP, SQL or a file system: adapters implement the ports, the binary wires them together.
//! Dependencies point one way: edges and adapters -> application -> domain.

mod access;
pub mod backoff;
mod caller;
mod deadline;
pub mod health;
pub mod in_process;
mod list_cursor;
mod local;
mod opaque_cursor;
mod orders;
pub mod ports;
mod receipts;
pub mod request_name;
mod scope;
pub mod store_health;
pub mod system;
pub mod watch;

pub use access::Forbidden;
pub use caller::{Caller, Principal};
pub use list_cursor::ListCursor;
pub use local::{LocalOrders, OrdersDependencies, Settings};
pub use orders::{
    BatchRow, CommandError, DeadLetterReason, DeadLetterReasons, ExpectedVersion, FoundReceipt,
    ListRequest, NamedOrder, OrderEvents, Orders, PlaceError, Placed, ReadError, ReadReceiptError,
};
pub use receipts::Receipts;
pub use scope::{Scope, Scopes};
