//! How a request is named: `X-Request-Id`, the client's own if it is usable, and the ids of `traceparent`.

use application::ports::Ids;
use application::request_name::{TraceContext, fresh, trace_context};
use axum::http::{Extensions, HeaderMap, HeaderName};
use domain::{RequestId, Trace};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The client's own name for the request, if it is 1-128 visible ASCII characters and comes once; else a fresh one.
pub(crate) fn name_of(headers: &HeaderMap, ids: &dyn Ids) -> RequestId {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(name), None) => name
            .to_str()
            .ok()
            .and_then(|name| RequestId::new(name).ok())
            .unwrap_or_else(|| fresh(ids)),
        _ => fresh(ids),
    }
}

/// The request's name with the trace and the span of its `traceparent`, if it has a valid one.
pub(crate) fn trace_of(headers: &HeaderMap, request_id: RequestId) -> Trace {
    let context = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(trace_context);
    TraceContext::trace(context, request_id)
}

/// [`trace_of`] a request to the live streams' own router: `dispatch` puts its request id into the extensions.
pub(crate) fn trace_of_live(headers: &HeaderMap, extensions: &Extensions) -> Trace {
    match extensions.get::<RequestId>() {
        Some(request_id) => trace_of(headers, request_id.clone()),
        None => Trace::default(),
    }
}
