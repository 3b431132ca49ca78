//! One request from its head to its answer: guarded, named, dispatched, rendered, logged.
//!
//! The server's connections call [`Dispatcher::answer`]. A panic of an endpoint ends here and becomes a 500.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use domain::RequestId;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::calls;
use crate::host;
use crate::problem::Problem;
use crate::request::{Incomer, name_of};
use crate::router::{Address, Port};
use crate::state::EdgeState;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers requests. One a server, shared by its connections.
pub(crate) struct Dispatcher {
    state: EdgeState,
    port: Port,
    elsewhere: Router,
    /// Requests under way, live streams not counted.
    in_flight: AtomicUsize,
    /// Whether the listener is on loopback, where only loopback names are answered.
    is_loopback: bool,
}

impl Dispatcher {
    pub(crate) fn new(state: EdgeState, port: Port, is_loopback: bool) -> Self {
        Self {
            port,
            elsewhere: port.elsewhere(state.clone()),
            state,
            in_flight: AtomicUsize::new(0),
            is_loopback,
        }
    }

    /// Answers one request. Never fails: whatever goes wrong is an answer.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let ids = self.state.application.ids();
        let request_id = name_of(request.headers(), &**ids);
        let method = request.method().clone();
        let uri = request.uri().clone();
        let address = self.port.address(uri.path());
        let voice = address.voice(uri.path());
        let result = match self.refusal(&request) {
            Some(problem) => Err(problem),
            None => self.run(address, request, &request_id, began).await,
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
            response = voice.render(problem, uri.path(), &request_id, self.retry_after_seconds());
            if let Some(allow) = given_allow {
                response
                    .headers_mut()
                    .insert(axum::http::header::ALLOW, allow);
            }
        }
        let headers = response.headers_mut();
        voice.finish(headers);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(name) = HeaderValue::from_str(request_id.as_str()) {
            headers.insert(X_REQUEST_ID, name);
        }
        self.log(
            &method,
            address,
            &response,
            problem.as_ref(),
            &request_id,
            began,
        );
        response
    }

    fn retry_after_seconds(&self) -> u64 {
        self.state.settings.retry_after.as_secs().max(1)
    }

    /// What is refused whatever the address is.
    fn refusal(&self, request: &Request<Incoming>) -> Option<Problem> {
        let settings = &self.state.settings;
        let uri_bytes = request
            .uri()
            .path_and_query()
            .map_or(0, |path| path.as_str().len());
        if uri_bytes > settings.max_uri_bytes {
            return Some(Problem::uri_too_long(settings.max_uri_bytes));
        }
        if header_bytes(request.headers()) > settings.max_header_bytes {
            return Some(Problem::headers_too_large(settings.max_header_bytes));
        }
        if self.is_loopback && !host::is_loopback(request) {
            return Some(Problem::misdirected());
        }
        None
    }

    async fn run(
        &self,
        address: Address<'_>,
        request: Request<Incoming>,
        request_id: &RequestId,
        began: Instant,
    ) -> Result<Response<Body>, Problem> {
        let Some(endpoint) = address.endpoint(request.method()) else {
            let routed = self.elsewhere.clone().oneshot(request.map(Body::new));
            return match Box::pin(AssertUnwindSafe(routed).catch_unwind()).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(never)) => match never {},
                Err(panic) => Err(Problem::internal(panic_text(&*panic))),
            };
        };
        let endpoint = endpoint?;
        let _slot = Slot::take(&self.in_flight, self.state.settings.max_requests_in_flight)
            .ok_or_else(Problem::overloaded)?;
        let (parts, body) = request.into_parts();
        let incomer = Incomer {
            parts,
            body,
            request_id: request_id.clone(),
            began,
        };
        let call = calls::call(endpoint, &self.state, incomer);
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => Err(Problem::internal(panic_text(&*panic))),
        }
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
