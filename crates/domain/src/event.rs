//! What is recorded of each change of an order: one event a version, without gaps.

use std::sync::Arc;

use crate::id::{EventId, OrderId, Version};
use crate::order::Failure;
use crate::status::Status;
use crate::text::{RequestId, UserId};
use crate::time::Timestamp;

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `order.created`
    Created,
    /// `order.processing`
    Processing,
    /// `order.retrying`
    Retrying,
    /// `order.processed`
    Processed,
    /// `order.failed`
    Failed,
    /// `order.held`
    Held,
    /// `order.released`
    Released,
    /// `order.cancelled`
    Cancelled,
    /// `order.replayed`
    Replayed,
}

impl EventType {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Processing,
        Self::Retrying,
        Self::Processed,
        Self::Failed,
        Self::Held,
        Self::Released,
        Self::Cancelled,
        Self::Replayed,
    ];

    /// The name that clients see: `order.created`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "order.created",
            Self::Processing => "order.processing",
            Self::Retrying => "order.retrying",
            Self::Processed => "order.processed",
            Self::Failed => "order.failed",
            Self::Held => "order.held",
            Self::Released => "order.released",
            Self::Cancelled => "order.cancelled",
            Self::Replayed => "order.replayed",
        }
    }

    /// The status that an event of this kind leaves its order in.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Created | Self::Released | Self::Replayed => Status::Pending,
            Self::Processing => Status::Processing,
            Self::Retrying => Status::Retrying,
            Self::Processed => Status::Processed,
            Self::Failed => Status::Failed,
            Self::Held => Status::OnHold,
            Self::Cancelled => Status::Cancelled,
        }
    }

    /// A number that never changes, for stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Processing => 2,
            Self::Retrying => 3,
            Self::Processed => 4,
            Self::Failed => 5,
            Self::Held => 6,
            Self::Released => 7,
            Self::Cancelled => 8,
            Self::Replayed => 9,
        }
    }

    /// Finds a kind by its [`EventType::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Which request caused a change, for following it through logs and traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The request's id, the client's own or ours; `None` for what no request caused.
    pub request_id: Option<RequestId>,
    /// The W3C trace id (32 hexadecimal digits) of the request's `traceparent`.
    pub trace_id: Option<Arc<str>>,
}

/// One change of an order. The order's unchanging facts (lines, amount...) are joined to it where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose change.
    pub order_id: OrderId,
    /// The order's version after it.
    pub version: Version,
    /// What happened. The status after it is [`EventType::status`].
    pub event_type: EventType,
    /// Whose order it is.
    pub user_id: UserId,
    /// When, by the clock of the process that decided it.
    pub occurred_at: Timestamp,
    /// The order's attempt after it.
    pub attempt: u32,
    /// Why, for `order.retrying` and `order.failed`.
    pub failure: Option<Failure>,
    /// When the next attempt is due, for `order.retrying`.
    pub retry_at: Option<Timestamp>,
    /// What caused it.
    pub trace: Trace,
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

    /// The order's status after it.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.event_type.status()
    }
}
