//! One call from its head to its end: named, bounded, dispatched, logged.
//!
//! The server's connections call [`Dispatcher::answer`]. A panic of a method ends here, or in the answer's body, and
//! becomes INTERNAL.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Code;

use crate::call::{Call, X_REQUEST_ID};
use crate::call_body::{CallBody, code_of};
use crate::ending::{Ending, Slot};
use crate::refusal::{Refusal, of_transport};
use crate::request_body::RequestBody;
use crate::route::{Route, Shape};
use crate::services::{Answering, Services};
use crate::state::GrpcEdge;
use edge_listener::RequestInFlight;

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
    ///
    /// Its future is part of the call's memory, with which it is moved: it holds the request only until that has begun.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        begun: RequestInFlight,
    ) -> Result<Response<CallBody>, Infallible> {
        let began = Instant::now();
        let (call, bad_timeout) = Call::of(request.headers(), &*self.edge.ids, began);
        if let Some(mut refused) = not_grpc(request.method(), request.headers()) {
            name(refused.headers_mut(), &call);
            tracing::info!(
                method = UNKNOWN_METHOD,
                status = refused.status().as_u16(),
                request_id = call.request_id().as_str(),
                "a request that is no gRPC"
            );
            return Ok(refused);
        }
        let route = Route::of(request.uri().path());
        let admitted = match (route, bad_timeout) {
            (None, _) => Err(Refusal::unknown_method()),
            (_, Some(_)) => Err(Refusal::invalid_metadata(
                "grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n",
            )),
            (Some(route), None) => self.slot(route.shape).map(|slot| (route, slot)),
        };
        let name = route.map_or(UNKNOWN_METHOD, |route| route.name);
        let mut ending = Ending::of(call.clone(), &self.edge.settings, name, began, begun);
        Ok(match admitted {
            Err(refusal) => self.refuse(refusal, ending),
            Ok((route, slot)) => {
                ending.hold(slot);
                match self.run(route, request, &call).await {
                    Ok(response) => self.pass_on(response, ending, route.shape),
                    Err(refusal) => self.refuse(refusal, ending),
                }
            }
        })
    }

    /// Has the service do its work, which begins at once.
    fn run(
        &self,
        route: Route,
        request: Request<Incoming>,
        call: &Call,
    ) -> impl Future<Output = Result<Response<tonic::body::Body>, Refusal>> + use<> {
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
        within_deadline(answering, until, route.changes)
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
        let status = refusal.into_status(&ending.call, self.edge.settings.tuning.retry_after);
        let code = status.code();
        let (mut parts, ()) = status.into_http::<()>().into_parts();
        name(&mut parts.headers, &ending.call);
        ending.tell(code);
        Response::from_parts(parts, CallBody::empty())
    }
}

/// Waits for a service until then. With `changes` it may have changed something by then.
async fn within_deadline(
    answering: Answering,
    until: Instant,
    changes: bool,
) -> Result<Response<tonic::body::Body>, Refusal> {
    let answering = AssertUnwindSafe(answering).catch_unwind();
    match tokio::time::timeout_at(until, answering).await {
        Ok(Ok(Ok(response))) => Ok(response),
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(panic)) => Err(Refusal::of_panic(&*panic)),
        // The method did not say how far it came.
        Err(_) if changes => Err(Refusal::outcome_unknown_at_deadline()),
        Err(_) => Err(Refusal::deadline_passed()),
    }
}

fn name(headers: &mut HeaderMap, call: &Call) {
    if let Ok(name) = HeaderValue::from_str(call.request_id().as_str()) {
        headers.insert(X_REQUEST_ID, name);
    }
}

/// A request over HTTP/2 that is not gRPC is answered in terms of HTTP.
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
        let readable = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(ACCEPT, readable);
        return Some(response);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Arc, Dispatcher, Incoming, Request, RequestInFlight};

    fn bytes<F>(_: fn(Arc<Dispatcher>, Request<Incoming>, RequestInFlight) -> F) -> usize {
        size_of::<F>()
    }

    /// It is moved twice with the call that it is part of.
    #[test]
    fn the_future_of_an_answer_is_small() {
        let bytes = bytes(Dispatcher::answer);
        assert!(bytes <= 1_024, "{bytes}");
    }
}
