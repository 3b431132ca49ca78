//! How a request is named: `X-Request-Id`, the client's where it is usable, and the trace id of `traceparent`.

use application::ports::Ids;
use application::request_name::{fresh, trace_id};
use axum::http::{HeaderMap, HeaderName};
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

/// The request's name with the trace that it belongs to, where it says so.
pub(crate) fn trace_of(headers: &HeaderMap, request_id: RequestId) -> Trace {
    let trace_id = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(trace_id);
    Trace {
        request_id: Some(request_id),
        trace_id,
    }
}
