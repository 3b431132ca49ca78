//! A change as watchers get it: rendered once, shared by all of them.
//!
//! Made by the shard followers and by catch-ups; handed to edges, which put their own framing around the text.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use domain::{Event, EventPosition, ShardId};

use super::cursor::Cursor;

/// One change of one order, with the cursor that resumes right after it.
#[derive(Debug)]
pub struct Change {
    shard: ShardId,
    /// The position of this change's cursor in its own shard.
    position: EventPosition,
    /// The positions in the others; the own shard's entry is ignored.
    others: Arc<Cursor>,
    event: Arc<Event>,
    text: OnceLock<Bytes>,
}

impl Change {
    pub(super) fn new(
        shard: ShardId,
        position: EventPosition,
        others: Arc<Cursor>,
        event: Arc<Event>,
    ) -> Self {
        Self {
            shard,
            position,
            others,
            event,
            text: OnceLock::new(),
        }
    }

    /// What happened.
    #[must_use]
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Resuming from it, a watcher misses nothing after this change.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let mut cursor = Cursor::clone(&self.others);
        cursor.set(self.shard, self.position);
        cursor
    }

    /// The change as JSON (UTF-8, one line). Rendered at the first call, then shared.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        self.text.get_or_init(|| Bytes::from(self.render()))
    }

    fn render(&self) -> String {
        let event = &*self.event;
        let mut text = String::with_capacity(320);
        let user_id = event.user_id.as_ref().map(domain::UserId::as_str);
        let user_id = serde_json::to_string(&user_id)
            .expect("a text without a map key always has a JSON form");
        // An erased order has no status any more, and no user.
        let (open, status, close) = match event.status() {
            Some(status) => ("\"", status.as_str(), "\""),
            None => ("", "null", ""),
        };
        write!(
            text,
            r#"{{"order_id":"{}","status":{open}{status}{close},"version":{},"user_id":{user_id},"occurred_at":"{}","cursor":"{}"}}"#,
            event.order_id,
            event.version,
            event.occurred_at,
            self.cursor(),
        )
        .expect("a String takes every write");
        text
    }
}

/// A framing that an edge puts around the texts of a whole batch, once for all of its watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// WebSocket frames.
    WebSocket,
    /// Server-sent events.
    EventStream,
}

/// Changes that travel together, in the order of their shard.
#[derive(Debug)]
pub struct Batch {
    changes: Vec<Arc<Change>>,
    framed: [OnceLock<Bytes>; 2],
}

impl Batch {
    pub(super) fn new(changes: Vec<Arc<Change>>) -> Self {
        Self {
            changes,
            framed: [const { OnceLock::new() }; 2],
        }
    }

    /// The changes.
    #[must_use]
    pub fn changes(&self) -> &[Arc<Change>] {
        &self.changes
    }

    /// The whole batch in an edge's framing: `frame` runs for the first watcher, the others share its bytes.
    pub fn framed(&self, framing: Framing, frame: impl FnOnce(&[Arc<Change>]) -> Bytes) -> &Bytes {
        self.framed[framing as usize].get_or_init(|| frame(&self.changes))
    }
}

/// Why changes between two points cannot be delivered: the watcher reads the orders again and goes on from `cursor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// Why.
    pub reason: ResyncReason,
    /// Everything after it follows.
    pub cursor: Cursor,
}

/// Why a gap cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResyncReason {
    /// More changes lie between than are read again for one watcher.
    TooFarBehind,
    /// The cursor or version lies past everything that this store holds: it comes from another store, or this one
    /// was restored from a backup.
    NotOfThisStore,
}

impl ResyncReason {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooFarBehind => "too_far_behind",
            Self::NotOfThisStore => "not_of_this_store",
        }
    }
}

/// What a watcher is handed.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Changes, in order.
    Changes(Arc<Batch>),
    /// A gap that cannot be filled.
    Resync(Resync),
}
