//! One line in the log for each request: a span with the method, the route and the request's id, and an event with the
//! status when the answer's head is ready. Nothing that a client wrote is logged but its request id.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Response};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::request_id::RequestId;
use tower_http::trace::{MakeSpan, OnResponse, TraceLayer};
use tracing::Span;

use crate::problem::Problem;
use crate::request::text_of;

/// tower-http's tracing layer, with the span and the event of this server.
pub(crate) type RequestLog =
    TraceLayer<SharedClassifier<ServerErrorsAsFailures>, RequestSpan, (), RequestLine, (), (), ()>;

/// The layer. With `log_requests` a success is at level info, else at debug. Refusals are at info and failures at warn in
/// any case.
pub(crate) fn layer(log_requests: bool) -> RequestLog {
    TraceLayer::new_for_http()
        .make_span_with(RequestSpan)
        .on_request(())
        .on_response(RequestLine { log_requests })
        .on_body_chunk(())
        .on_eos(())
        .on_failure(())
}

/// Makes the span that a request's events are in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestSpan;

impl<B> MakeSpan<B> for RequestSpan {
    fn make_span(&mut self, request: &Request<B>) -> Span {
        let extensions = request.extensions();
        let path = extensions
            .get::<MatchedPath>()
            .map_or("unknown", MatchedPath::as_str);
        let request_id = text_of(extensions.get::<RequestId>());
        tracing::info_span!(
            "request",
            method = known_method(request.method()),
            path,
            request_id
        )
    }
}

/// Writes the line of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLine {
    log_requests: bool,
}

impl<B> OnResponse<B> for RequestLine {
    fn on_response(self, response: &Response<B>, latency: Duration, _: &Span) {
        let status = response.status().as_u16();
        let problem = response.extensions().get::<Problem>();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    status,
                    code = problem.map(Problem::code),
                    cause = problem.and_then(Problem::cause),
                    elapsed_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
                    "answered"
                )
            };
        }
        match status {
            500.. => line!(warn),
            400.. => line!(info),
            _ if self.log_requests => line!(info),
            _ => line!(debug),
        }
    }
}

/// A client can name a method anything; only names that we know are logged.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
