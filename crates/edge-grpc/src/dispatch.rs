//! One call from its head to its end: named, bounded, dispatched, logged.
//!
//! The server's connections call [`Dispatcher::answer`]. A panic of a method ends here, or in the answer's body, and
//! becomes INTERNAL.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Code;

use crate::call::{Call, X_REQUEST_ID};
use crate::call_body::{CallBody, code_of};
use crate::refusal::{Refusal, of_transport};
use crate::request_body::RequestBody;
use crate::route::{Route, Shape};
use crate::server::Busy;
use crate::services::Services;
use crate::state::GrpcEdge;

/// A method that waits by itself until the deadline has so long to say what it knows of the outcome: timers of the same
/// moment fire in any order.
const GRACE: Duration = Duration::from_millis(100);
/// What the log calls a path that is no method: what clients write is not logged.
const UNKNOWN_METHOD: &str = "unknown";

/// Answers calls. One a server, shared by its connections.
pub(crate) struct Dispatcher {
    edge: GrpcEdge,
    services: Services,
    calls: Arc<AtomicUsize>,
    streams: Arc<AtomicUsize>,
}

/// What is told once a call ends, however it ends: dropped before it was told, nobody heard the end, because the client
/// left or the server cut the call off. It holds the call's place among those under way.
pub(crate) struct Ending {
    pub(crate) call: Call,
    dispatcher: Arc<Dispatcher>,
    name: &'static str,
    began: Instant,
    slot: Option<Slot>,
    is_told: bool,
    _busy: Busy,
}

impl Dispatcher {
    pub(crate) fn new(edge: GrpcEdge) -> Self {
        Self {
            services: Services::new(&edge),
            edge,
            calls: Arc::default(),
            streams: Arc::default(),
        }
    }

    /// Answers one call. Never fails: whatever goes wrong is an answer.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        busy: Busy,
    ) -> Response<CallBody> {
        let began = Instant::now();
        let (call, bad_timeout) =
            Call::of(request.headers(), &**self.edge.application.ids(), began);
        if let Some(mut refused) = not_grpc(request.method(), request.headers()) {
            name(refused.headers_mut(), &call);
            tracing::info!(
                method = UNKNOWN_METHOD,
                status = refused.status().as_u16(),
                request_id = call.request_id().as_str(),
                "a request that is no gRPC"
            );
            return refused;
        }
        let route = Route::of(request.uri().path());
        let admitted = match (route, bad_timeout) {
            (None, _) => Err(Refusal::unknown_method()),
            (_, Some(_)) => Err(Refusal::invalid_metadata(
                "grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n",
            )),
            (Some(route), None) => self.slot(route.shape).map(|slot| (route, slot)),
        };
        let mut ending = Ending {
            call: call.clone(),
            dispatcher: Arc::clone(&self),
            name: route.map_or(UNKNOWN_METHOD, |route| route.name),
            began,
            slot: None,
            is_told: false,
            _busy: busy,
        };
        match admitted {
            Err(refusal) => self.refuse(refusal, ending),
            Ok((route, slot)) => {
                ending.slot = Some(slot);
                match self.run(route, request, &call).await {
                    Ok(response) => self.pass_on(response, ending, route.shape),
                    Err(refusal) => self.refuse(refusal, ending),
                }
            }
        }
    }

    async fn run(
        &self,
        route: Route,
        request: Request<Incoming>,
        call: &Call,
    ) -> Result<Response<tonic::body::Body>, Refusal> {
        let patience = match route.shape {
            Shape::Unary | Shape::Stream => self.edge.settings.request_deadline,
            Shape::Upload => self.edge.settings.batch_deadline,
        };
        let until = call.within(patience) + GRACE;
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(call.clone());
        let body = RequestBody::new(body, call.clone(), &self.edge);
        let answering = self
            .services
            .call(route.service, Request::from_parts(parts, body));
        let answering = AssertUnwindSafe(answering).catch_unwind();
        match tokio::time::timeout_at(until, answering).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(panic)) => Err(Refusal::internal(panic_text(&*panic))),
            // The method did not say what it was doing.
            Err(_) => Err(Refusal::outcome_unknown_at_deadline()),
        }
    }

    fn slot(&self, shape: Shape) -> Result<Slot, Refusal> {
        let settings = &self.edge.settings;
        match shape {
            Shape::Unary => Slot::take(&self.calls, settings.max_calls_in_flight)
                .ok_or_else(Refusal::overloaded),
            Shape::Upload | Shape::Stream => Slot::take(&self.streams, settings.max_streams)
                .ok_or_else(Refusal::too_many_streams),
        }
    }

    /// Passes a service's answer on. What the library refused by itself is said in this edge's words.
    fn pass_on(
        &self,
        response: Response<tonic::body::Body>,
        ending: Ending,
        shape: Shape,
    ) -> Response<CallBody> {
        let code = code_of(response.headers());
        if code != Code::Ok {
            let is_ours = response.headers().contains_key("grpc-status-details-bin");
            let message = response.headers().get("grpc-message");
            let message = message.map_or("", |text| text.to_str().unwrap_or_default());
            let limit = self.edge.settings.max_message_bytes;
            if !is_ours && let Some(refusal) = of_transport(code, message, limit) {
                return self.refuse(refusal, ending);
            }
        }
        let (mut parts, body) = response.into_parts();
        name(&mut parts.headers, &ending.call);
        let body = if http_body::Body::is_end_stream(&body) {
            ending.tell(code);
            CallBody::empty()
        } else {
            CallBody::open(body, ending, shape == Shape::Stream)
        };
        Response::from_parts(parts, body)
    }

    fn refuse(&self, refusal: Refusal, ending: Ending) -> Response<CallBody> {
        let status = refusal.into_status(&ending.call, self.edge.settings.retry_after);
        let code = status.code();
        let (mut parts, ()) = status.into_http::<()>().into_parts();
        name(&mut parts.headers, &ending.call);
        ending.tell(code);
        Response::from_parts(parts, CallBody::empty())
    }
}

impl Ending {
    pub(crate) fn retry_after(&self) -> Duration {
        self.dispatcher.edge.settings.retry_after
    }

    /// The call ended so.
    pub(crate) fn tell(mut self, code: Code) {
        self.log(code);
    }

    /// One line a call, without anything that a client wrote but the call's name, which is visible ASCII.
    fn log(&mut self, code: Code) {
        self.is_told = true;
        // Whoever reads the line may count on the room.
        self.slot = None;
        let method = self.name;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    code = code_name(code),
                    cause = self.call.cause(),
                    elapsed_us =
                        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = self.call.request_id().as_str(),
                    "call"
                )
            };
        }
        match code {
            Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable => line!(warn),
            Code::Ok if self.dispatcher.edge.settings.log_calls => line!(info),
            Code::Ok => line!(debug),
            _ => line!(info),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told {
            self.log(Code::Cancelled);
        }
    }
}

/// A call's place among those under way; dropping it makes room.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(under_way: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let slot = Self(Arc::clone(under_way));
        // Where there is no room the slot is dropped at once, which takes the count back.
        (under_way.fetch_add(1, Ordering::Relaxed) < limit).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn name(headers: &mut HeaderMap, call: &Call) {
    if let Ok(name) = HeaderValue::from_str(call.request_id().as_str()) {
        headers.insert(X_REQUEST_ID, name);
    }
}

/// What is HTTP/2 but no gRPC gets an answer of HTTP.
fn not_grpc(method: &Method, headers: &HeaderMap) -> Option<Response<CallBody>> {
    let mut response = Response::new(CallBody::empty());
    if method != Method::POST {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    let is_grpc = headers.get(CONTENT_TYPE).is_some_and(|value| {
        let rest = value.as_bytes().strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    });
    if !is_grpc {
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Some(response);
    }
    None
}

/// A code as clients know it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}
