//! One request from its head to its answer: guarded, named, dispatched, rendered, logged.
//!
//! The server's connections call [`Dispatcher::answer`]. A panic of an endpoint ends here and becomes a 500.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use domain::RequestId;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::calls;
use edge_listener::{AnswerBody, RequestInFlight};

use crate::connection_timeouts::InFlightGuard;
use crate::host;
use crate::problem::Problem;
use crate::request::{RequestContext, name_of};
use crate::router::{Address, Endpoint, Port};
use crate::state::EdgeState;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers requests. One a server, shared by its connections.
pub(crate) struct Dispatcher {
    state: EdgeState,
    port: Port,
    fallback: Router,
    /// Requests under way, live streams not counted.
    in_flight: AtomicUsize,
    /// Whether the listener is on loopback, where only loopback names are answered.
    is_loopback: bool,
}

impl Dispatcher {
    pub(crate) fn new(state: EdgeState, port: Port, is_loopback: bool) -> Self {
        Self {
            port,
            fallback: port.fallback(state.clone()),
            state,
            in_flight: AtomicUsize::new(0),
            is_loopback,
        }
    }

    /// Answers one request, and lets go of `in_flight` with the answer. Never fails: whatever goes wrong is an answer.
    ///
    /// Its future lies in the connection's memory and is moved there: what it holds is lent to what it calls, so that it
    /// holds everything once.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        in_flight: InFlightGuard,
        begun: RequestInFlight,
    ) -> Result<Response<AnswerBody<Body>>, Infallible> {
        let began = Instant::now();
        let ids = &self.state.ids;
        let (parts, mut body) = request.into_parts();
        let request_id = name_of(&parts.headers, &**ids);
        let path = parts.uri.path();
        let orderflow_health = self.state.settings.orderflow_health;
        let address = self.port.address(path, orderflow_health);
        let error_format = address.error_format(path);
        let result = match self.refusal(&parts) {
            Some(problem) => Err(problem),
            None => match address.endpoint(&parts.method) {
                Some(Ok(endpoint)) => {
                    let context = RequestContext {
                        parts: &parts,
                        body: &mut body,
                        request_id: &request_id,
                        began,
                    };
                    self.run(endpoint, context).await
                }
                Some(Err(problem)) => Err(problem),
                None => {
                    let mut parts = parts.clone();
                    parts.extensions.insert(request_id.clone());
                    self.call_fallback(parts, body).await
                }
            },
        };
        let (mut response, problem) = match result {
            Ok(mut response) => {
                // The live streams' routes leave their problems to be rendered here.
                let problem = response.extensions_mut().remove::<Problem>();
                (response, problem)
            }
            Err(problem) => (Response::new(Body::empty()), Some(problem)),
        };
        if let Some(problem) = &problem {
            let given_allow = response.headers_mut().remove(axum::http::header::ALLOW);
            response = error_format.render(problem, path, &request_id, self.retry_after_seconds());
            if let Some(allow) = given_allow {
                response
                    .headers_mut()
                    .insert(axum::http::header::ALLOW, allow);
            }
        }
        let headers = response.headers_mut();
        error_format.finish(headers);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(name) = HeaderValue::from_str(request_id.as_str()) {
            headers.insert(X_REQUEST_ID, name);
        }
        self.log(
            &parts.method,
            address,
            &response,
            problem.as_ref(),
            &request_id,
            began,
        );
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            in_flight.hand_over();
        }
        Ok(begun.answer(response, &self.state.answers, || {
            let problem = Problem::answers_used_up();
            error_format.render(&problem, path, &request_id, self.retry_after_seconds())
        }))
    }

    fn retry_after_seconds(&self) -> u64 {
        self.state.settings.tuning.retry_after.as_secs().max(1)
    }

    /// What is refused whatever the address is.
    fn refusal(&self, request: &Parts) -> Option<Problem> {
        let settings = &self.state.settings;
        let uri_bytes = request
            .uri
            .path_and_query()
            .map_or(0, |path| path.as_str().len());
        if uri_bytes > settings.tuning.max_uri_bytes {
            return Some(Problem::uri_too_long(settings.tuning.max_uri_bytes));
        }
        if header_bytes(&request.headers) > settings.tuning.max_header_bytes {
            return Some(Problem::headers_too_large(settings.tuning.max_header_bytes));
        }
        if self.is_loopback && !host::is_loopback(request) {
            return Some(Problem::misdirected());
        }
        None
    }

    /// Has the endpoint do its work.
    async fn run(
        &self,
        endpoint: Endpoint<'_>,
        context: RequestContext<'_>,
    ) -> Result<Response<Body>, Problem> {
        let _slot = Slot::take(&self.in_flight, self.state.settings.max_requests_in_flight)
            .ok_or_else(Problem::overloaded)?;
        let call = pin!(calls::call(endpoint, &self.state, context));
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => Err(Problem::internal(panic_text(&*panic))),
        }
    }

    /// Has the live streams' own router answer. Boxed: it is rare, and its memory would be every request's.
    fn call_fallback(
        &self,
        parts: Parts,
        body: Incoming,
    ) -> Pin<Box<impl Future<Output = Result<Response<Body>, Problem>>>> {
        let request = Request::from_parts(parts, Body::new(body));
        let routed = self.fallback.clone().oneshot(request);
        Box::pin(async {
            match AssertUnwindSafe(routed).catch_unwind().await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(never)) => match never {},
                Err(panic) => Err(Problem::internal(panic_text(&*panic))),
            }
        })
    }

    /// One line a request, without anything that a client wrote but the request's name, which is visible ASCII.
    fn log(
        &self,
        method: &Method,
        address: Address<'_>,
        response: &Response<Body>,
        problem: Option<&Problem>,
        request_id: &RequestId,
        began: Instant,
    ) {
        let status = response.status().as_u16();
        let path = address.pattern();
        let method = known_method(method);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    path,
                    status,
                    code = problem.map(Problem::code),
                    cause = problem.and_then(Problem::cause),
                    elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = request_id.as_str(),
                    "request"
                )
            };
        }
        match status {
            500.. => line!(warn),
            400.. => line!(info),
            _ if self.state.settings.log_requests => line!(info),
            _ => line!(debug),
        }
    }
}

/// A request's place among those under way; dropping it makes room.
struct Slot<'a>(&'a AtomicUsize);

impl<'a> Slot<'a> {
    fn take(in_flight: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let slot = Self(in_flight);
        // Where there is no room the slot is dropped at once, which takes the count back.
        (in_flight.fetch_add(1, Ordering::Relaxed) < limit).then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
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

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::{Arc, Dispatcher, InFlightGuard, Incoming, Request, RequestInFlight};

    fn bytes<F>(
        _: fn(Arc<Dispatcher>, Request<Incoming>, InFlightGuard, RequestInFlight) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Moving it was a large part of what a request cost when it held what it passes on three times.
    #[test]
    fn the_future_of_an_answer_is_small() {
        let bytes = bytes(Dispatcher::answer);
        assert!(bytes <= 2_048, "{bytes}");
    }
}
