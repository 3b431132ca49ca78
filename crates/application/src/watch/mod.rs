//! Live watching: every watcher gets every change of what it watches, in order, without slowing down writes.
//!
//! The [`Hub`] reads each shard's events once and hands them to the [`Watcher`]s that want them; edges make watchers
//! and put their framing around what they get. Hints only wake it: the truth is `EventFeed::events_after`. Nothing
//! here writes to the store, waits for a watcher, or knows a protocol.
//!
//! What holds: a watcher gets every change of its topics exactly once and in order from the point where it joined,
//! and the cursor of a change is never ahead of what its watcher was handed before. A watcher that is too slow ends
//! ([`Lagged`]) and resumes with its cursor; a gap that cannot be filled is announced ([`Resync`]). A watcher whose caller is
//! bound to one user never gets a change of another user's order.

mod catch_up;
mod change;
mod cursor;
mod error;
mod hub;
mod mailbox;
mod registry;
mod settings;
mod shard_follower;
mod topic;
mod visibility;
mod watcher;

pub use catch_up::{CatchUp, Start};
pub use change::{Batch, Change, Delivery, Framing, Resync, ResyncReason};
pub use cursor::{Cursor, CursorError};
pub use error::WatchError;
pub use hub::Hub;
pub use mailbox::Lagged;
pub use settings::{WatchSettings, WatchTuning};
pub use topic::Topic;
pub use watcher::Watcher;
