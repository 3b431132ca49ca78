//! What is recorded of each change of an order: one event a version, without gaps.

use std::sync::Arc;

use crate::id::{EventId, OrderId, Version};
use crate::order::Failure;
use crate::status::{EventType, Status};
use crate::text::{Actor, Reason, RequestId, UserId};
use crate::time::Timestamp;

/// Which request caused a change, for following it through logs and traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The request's id, the client's own or ours; `None` for what no request caused.
    pub request_id: Option<RequestId>,
    /// The W3C trace id (32 hexadecimal digits) of the request's `traceparent`.
    pub trace_id: Option<Arc<str>>,
    /// The W3C parent id (16 hexadecimal digits) of the request's `traceparent`: the caller's span.
    pub span_id: Option<Arc<str>>,
}

/// What caused a change: which request, who, and why. Empty for the worker's own changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The request.
    pub trace: Trace,
    /// The subject of the token that the request carried.
    pub actor: Option<Actor>,
    /// What the person said about it.
    pub reason: Option<Reason>,
}

impl Cause {
    /// A change that only a request is known of.
    #[must_use]
    pub const fn request(trace: Trace) -> Self {
        Self {
            trace,
            actor: None,
            reason: None,
        }
    }
}

/// One change of an order. The order's unchanging facts (lines, amount...) are joined to it when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The order that changed.
    pub order_id: OrderId,
    /// The order's version after it.
    pub version: Version,
    /// What happened. The status after it is [`EventType::status`].
    pub event_type: EventType,
    /// The order's user; `None` in a tombstone.
    pub user_id: Option<UserId>,
    /// When, by the clock of the process that decided it.
    pub occurred_at: Timestamp,
    /// The order's attempt after it.
    pub attempt: u32,
    /// Why, for `order.retrying` and `order.failed`.
    pub failure: Option<Failure>,
    /// When the next attempt is due, for `order.retrying`.
    pub retry_at: Option<Timestamp>,
    /// What caused it.
    pub cause: Cause,
    /// Whether it is imported history: it tells of a change that happened elsewhere, before the import.
    pub history: bool,
}

impl Event {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> EventId {
        EventId {
            order_id: self.order_id,
            version: self.version,
        }
    }

    /// The order's status after it; `None` after `order.erased`.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        self.event_type.status()
    }

    /// What is left of the event once its order is erased: which change of which order it was, and when. Nothing
    /// personal remains, and the place in the feed stays taken.
    #[must_use]
    pub fn tombstone(&self) -> Self {
        Self {
            order_id: self.order_id,
            version: self.version,
            event_type: self.event_type,
            user_id: None,
            occurred_at: self.occurred_at,
            attempt: self.attempt,
            failure: None,
            retry_at: None,
            cause: Cause::default(),
            history: self.history,
        }
    }

    /// Whether the event belongs to an order that was erased.
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        self.user_id.is_none()
    }
}
