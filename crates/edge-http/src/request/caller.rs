//! Who asks: the caller of the use cases, with the ids that connect events and logs with the request.

use std::convert::Infallible;

use application::Caller;
use application::request_name::{TraceContext, trace_context};
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use domain::Trace;

use super::request_id_of;
use crate::state::Edge;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The request's id, with the trace and the span of its `traceparent` if it has a valid one.
pub(crate) struct RequestTrace(pub(crate) Trace);

impl<S: Sync> FromRequestParts<S> for RequestTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let Some(request_id) = request_id_of(&parts.extensions) else {
            return Ok(Self(Trace::default()));
        };
        let context = parts
            .headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .and_then(trace_context);
        Ok(Self(TraceContext::trace(context, request_id)))
    }
}

/// The caller, whose deadline begins now: put it after the extractors that can refuse, and before the body's
/// extractor.
pub(crate) struct RequestCaller(pub(crate) Caller);

impl FromRequestParts<Edge> for RequestCaller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Infallible> {
        let RequestTrace(trace) = RequestTrace::from_request_parts(parts, edge).await?;
        Ok(Self(edge.caller(trace)))
    }
}
