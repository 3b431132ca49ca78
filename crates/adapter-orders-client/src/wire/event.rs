//! The events of an order, with their positions.

use application::ports::SequencedEvent;
use domain::{Cause, Event};
use proto::ordermill::internal::v1;

use super::decode_error::DecodeError;
use super::form::{WireForm, given, maybe, optional, required};

impl WireForm for SequencedEvent {
    type Message = v1::SequencedEvent;

    fn encode(&self) -> v1::SequencedEvent {
        v1::SequencedEvent {
            seq: Some(self.seq.encode()),
            bits: Some(self.bits),
            event: Some(self.event.encode()),
        }
    }

    fn decode(message: v1::SequencedEvent) -> Result<Self, DecodeError> {
        Ok(Self {
            seq: required("seq", message.seq)?,
            bits: required("bits", message.bits)?,
            event: required("event", message.event)?,
        })
    }
}

impl WireForm for Event {
    type Message = v1::Event;

    fn encode(&self) -> v1::Event {
        v1::Event {
            order_id: self.order_id.encode(),
            version: self.version.encode(),
            event_type: self.event_type.encode(),
            user_id: maybe(self.user_id.as_ref()),
            occurred_at_ms: Some(self.occurred_at.encode()),
            attempt: Some(self.attempt),
            failure: maybe(self.failure.as_ref()),
            retry_at_ms: maybe(self.retry_at.as_ref()),
            cause: Some(self.cause.encode()),
            history: Some(self.history),
        }
    }

    fn decode(message: v1::Event) -> Result<Self, DecodeError> {
        Ok(Self {
            order_id: given("order_id", message.order_id)?,
            version: given("version", message.version)?,
            event_type: given("event_type", message.event_type)?,
            user_id: optional("user_id", message.user_id)?,
            occurred_at: required("occurred_at_ms", message.occurred_at_ms)?,
            attempt: required("attempt", message.attempt)?,
            failure: optional("failure", message.failure)?,
            retry_at: optional("retry_at_ms", message.retry_at_ms)?,
            cause: required("cause", message.cause)?,
            history: required("history", message.history)?,
        })
    }
}

impl WireForm for Cause {
    type Message = v1::Cause;

    fn encode(&self) -> v1::Cause {
        v1::Cause {
            trace: Some(self.trace.encode()),
            actor: maybe(self.actor.as_ref()),
            reason: maybe(self.reason.as_ref()),
        }
    }

    fn decode(message: v1::Cause) -> Result<Self, DecodeError> {
        Ok(Self {
            trace: required("trace", message.trace)?,
            actor: optional("actor", message.actor)?,
            reason: optional("reason", message.reason)?,
        })
    }
}
