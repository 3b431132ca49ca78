//! An event as JSON: the envelope of DESIGN, with the order's data beside what changed.

use application::order_json::{write_contents, write_failure, write_text, write_text_or_null};
use domain::{Event, Order};
use std::io::Write as _;

/// Appends `event` of `order`, whose unchanging facts it carries.
pub(crate) fn write_event(event: &Event, order: &Order, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "{{\"event_id\":\"{}\",\"event_type\":\"{}\",\"order_id\":\"{}\",\"version\":{},\"user_id\":",
        event.id(),
        event.event_type.as_str(),
        event.order_id,
        event.version,
    );
    write_text(event.user_id.as_str(), out);
    let _ = write!(
        out,
        ",\"status\":\"{}\",\"occurred_at\":\"{}\",\"request_id\":",
        event.status(),
        event.occurred_at,
    );
    let request_id = event.trace.request_id.as_ref();
    write_text_or_null(request_id.map(domain::RequestId::as_str), out);
    out.extend_from_slice(b",\"trace_id\":");
    write_text_or_null(event.trace.trace_id.as_deref(), out);
    let _ = write!(
        out,
        ",\"data\":{{\"attempt\":{},\"failure\":",
        event.attempt
    );
    write_failure(event.failure.as_ref(), out);
    out.extend_from_slice(b",\"retry_at\":");
    match event.retry_at {
        Some(at) => {
            let _ = write!(out, "\"{at}\"");
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"external_id\":");
    let external_id = order.external_id.as_ref();
    write_text_or_null(external_id.map(domain::ExternalId::as_str), out);
    let _ = write!(out, ",\"source\":\"{}\",", order.source.as_str());
    write_contents(order, out);
    out.extend_from_slice(b"}}");
}
