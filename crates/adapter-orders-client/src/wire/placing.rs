//! What placing takes in batches, and what it answers.

use application::{BatchRow, Placed};
use domain::History;
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::placed::Kind;

use super::decode_error::DecodeError;
use super::form::{WireForm, given, maybe, optional, required};

impl WireForm for BatchRow {
    type Message = v1::BatchRow;

    fn encode(&self) -> v1::BatchRow {
        v1::BatchRow {
            command: Some(self.command.encode()),
            key: maybe(self.key.as_ref()),
            history: maybe(self.history.as_ref()),
        }
    }

    fn decode(message: v1::BatchRow) -> Result<Self, DecodeError> {
        Ok(Self {
            command: required("command", message.command)?,
            key: optional("key", message.key)?,
            history: optional("history", message.history)?,
        })
    }
}

impl WireForm for History {
    type Message = v1::History;

    fn encode(&self) -> v1::History {
        v1::History {
            created_at_ms: Some(self.created_at.encode()),
            status: self.status.encode(),
        }
    }

    fn decode(message: v1::History) -> Result<Self, DecodeError> {
        Ok(Self {
            created_at: required("created_at_ms", message.created_at_ms)?,
            status: given("status", message.status)?,
        })
    }
}

impl WireForm for Placed {
    type Message = v1::Placed;

    fn encode(&self) -> v1::Placed {
        let kind = match self {
            Self::Created(order) => Kind::Created(order.encode()),
            Self::Replayed(order) => Kind::Replayed(order.encode()),
            Self::Existing(order) => Kind::Existing(order.encode()),
        };
        v1::Placed { kind: Some(kind) }
    }

    fn decode(message: v1::Placed) -> Result<Self, DecodeError> {
        match message.kind {
            None => Err(DecodeError::missing("kind")),
            Some(Kind::Created(order)) => given("created", order).map(Self::Created),
            Some(Kind::Replayed(order)) => given("replayed", order).map(Self::Replayed),
            Some(Kind::Existing(order)) => given("existing", order).map(Self::Existing),
        }
    }
}
