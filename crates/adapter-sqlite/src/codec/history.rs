//! The events of an order: the column `history`. Every change appends its events, each with its sequence number. The version of
//! an event is its position, because there is one event for each version, without gaps.

use std::sync::Arc;

use domain::{
    Actor, Cause, Event, EventType, OrderId, Reason, RequestId, Seq, Trace, UserId, Version,
};

use super::facts::timestamp;
use super::standing::read_failure;
use super::{Reader, Unreadable, put_number, put_text};

const HAS_FAILURE: u8 = 1;
const HAS_RETRY_AT: u8 = 2;
const HAS_REQUEST_ID: u8 = 4;
const HAS_TRACE_ID: u8 = 8;
const HAS_SPAN_ID: u8 = 16;
const HAS_ACTOR: u8 = 32;
const HAS_REASON: u8 = 64;
const IS_HISTORY: u8 = 128;

const SEQ_BYTES: usize = 8;

/// Appends an event. Its sequence number is unknown before the commit; [`stamp`] sets it.
pub(crate) fn encode(event: &Event, bytes: &mut Vec<u8>) {
    let Cause {
        trace,
        actor,
        reason,
    } = &event.cause;
    bytes.extend_from_slice(&[0; SEQ_BYTES]);
    bytes.push(event.event_type.code());
    let mut flags = 0;
    for (flag, is_set) in [
        (HAS_FAILURE, event.failure.is_some()),
        (HAS_RETRY_AT, event.retry_at.is_some()),
        (HAS_REQUEST_ID, trace.request_id.is_some()),
        (HAS_TRACE_ID, trace.trace_id.is_some()),
        (HAS_SPAN_ID, trace.span_id.is_some()),
        (HAS_ACTOR, actor.is_some()),
        (HAS_REASON, reason.is_some()),
        (IS_HISTORY, event.history),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    bytes.push(flags);
    put_number(bytes, event.occurred_at.as_millis());
    put_number(bytes, u64::from(event.attempt));
    if let Some(failure) = &event.failure {
        put_text(bytes, &failure.code);
        put_text(bytes, &failure.message);
    }
    if let Some(retry_at) = event.retry_at {
        put_number(bytes, retry_at.as_millis());
    }
    let texts = [
        trace.request_id.as_ref().map(RequestId::as_str),
        trace.trace_id.as_deref(),
        trace.span_id.as_deref(),
        actor.as_ref().map(Actor::as_str),
        reason.as_ref().map(Reason::as_str),
    ];
    for text in texts.into_iter().flatten() {
        put_text(bytes, text);
    }
}

/// Sets the sequence number of the event at `offset`.
pub(crate) fn stamp(bytes: &mut [u8], offset: usize, seq: u64) {
    bytes[offset..offset + SEQ_BYTES].copy_from_slice(&seq.to_le_bytes());
}

/// Decodes at most `limit` events with a version above `after`. Without a user they are tombstones.
pub(crate) fn decode(
    id: OrderId,
    user_id: Option<&UserId>,
    history: &[u8],
    after: u32,
    limit: usize,
) -> Result<Vec<(Seq, Arc<Event>)>, Unreadable> {
    let mut reader = Reader::new(history);
    let mut events = Vec::new();
    let mut number = 0_u32;
    while !reader.is_empty() && events.len() < limit {
        number += 1;
        let version = Version::from_number(number)
            .ok_or_else(|| Unreadable::because("an event without a version"))?;
        let found = read_event(&mut reader, id, version, user_id)?;
        if number > after {
            events.push(found);
        }
    }
    Ok(events)
}

/// Decodes the event at the position of the reader.
pub(crate) fn read_event(
    reader: &mut Reader<'_>,
    order_id: OrderId,
    version: Version,
    user_id: Option<&UserId>,
) -> Result<(Seq, Arc<Event>), Unreadable> {
    let seq = Seq(u64::from_le_bytes(reader.array::<SEQ_BYTES>()?));
    let event_type = EventType::from_code(reader.byte()?)
        .ok_or_else(|| Unreadable::because("an unknown kind of event"))?;
    let flags = reader.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let occurred_at = timestamp(reader)?;
    let attempt = reader.small()?;
    let failure = has(HAS_FAILURE).then(|| read_failure(reader)).transpose()?;
    let retry_at = has(HAS_RETRY_AT).then(|| timestamp(reader)).transpose()?;
    let mut text = |flag: u8| has(flag).then(|| reader.text()).transpose();
    let request_id = parsed(text(HAS_REQUEST_ID)?, RequestId::new)?;
    let trace_id = text(HAS_TRACE_ID)?.map(Arc::from);
    let span_id = text(HAS_SPAN_ID)?.map(Arc::from);
    let actor = parsed(text(HAS_ACTOR)?, Actor::new)?;
    let reason = parsed(text(HAS_REASON)?, Reason::new)?;
    let event = Event {
        order_id,
        version,
        event_type,
        user_id: user_id.cloned(),
        occurred_at,
        attempt,
        failure,
        retry_at,
        cause: Cause {
            trace: Trace {
                request_id,
                trace_id,
                span_id,
            },
            actor,
            reason,
        },
        history: has(IS_HISTORY),
    };
    Ok((seq, Arc::new(event)))
}

fn parsed<T, E: std::fmt::Display>(
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Unreadable> {
    text.map(parse).transpose().map_err(Unreadable::because)
}
