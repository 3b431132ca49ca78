//! An event as JSON: what changed, with the data of its order.

use std::io::Write as _;

use domain::{Event, Order};

use super::contents::{write_contents, write_failure};
use super::value::{write_text_or_null, write_time_or_null};

/// Appends `event` of `order` as one JSON object without white space. It carries the facts of `order` that never change.
pub fn write_event(event: &Event, order: &Order, out: &mut Vec<u8>) {
    write_envelope(event, out);
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        ",\"data\":{{\"attempt\":{},\"failure\":",
        event.attempt
    );
    write_failure(event.failure.as_ref(), out);
    out.extend_from_slice(b",\"retry_at\":");
    write_time_or_null(event.retry_at, out);
    out.extend_from_slice(b",\"external_id\":");
    let external_id = order.external_id.as_ref();
    write_text_or_null(external_id.map(domain::ExternalId::as_str), out);
    let _ = write!(out, ",\"source\":\"{}\",", order.source.as_str());
    write_contents(order, out);
    out.extend_from_slice(b"}}");
}

/// Appends the members from `event_id` to `span_id`; the object stays open. User and status are null in a tombstone.
fn write_envelope(event: &Event, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "{{\"event_id\":\"{}\",\"event_type\":\"{}\",\"order_id\":\"{}\",\"version\":{},\"user_id\":",
        event.id(),
        event.event_type.as_str(),
        event.order_id,
        event.version,
    );
    write_text_or_null(event.user_id.as_ref().map(domain::UserId::as_str), out);
    out.extend_from_slice(b",\"status\":");
    write_text_or_null(event.status().map(domain::Status::as_str), out);
    let _ = write!(out, ",\"occurred_at\":\"{}\",\"actor\":", event.occurred_at);
    let cause = &event.cause;
    write_text_or_null(cause.actor.as_ref().map(domain::Actor::as_str), out);
    out.extend_from_slice(b",\"reason\":");
    write_text_or_null(cause.reason.as_ref().map(domain::Reason::as_str), out);
    let _ = write!(out, ",\"history\":{},\"request_id\":", event.history);
    let request_id = cause.trace.request_id.as_ref();
    write_text_or_null(request_id.map(domain::RequestId::as_str), out);
    out.extend_from_slice(b",\"trace_id\":");
    write_text_or_null(cause.trace.trace_id.as_deref(), out);
    out.extend_from_slice(b",\"span_id\":");
    write_text_or_null(cause.trace.span_id.as_deref(), out);
}
