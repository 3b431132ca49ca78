//! The outermost layer: names the call, finds its method, refuses what is not gRPC, says every refusal in this edge's form,
//! and logs the call's end.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Code;
use tonic::body::Body;
use tower::{Layer, Service};

use super::refused;
use crate::answer_body::{AnswerBody, code_of};
use crate::call::{Call, X_REQUEST_ID};
use crate::call_end::{CallEnd, UNKNOWN_METHOD};
use crate::connection::Connection;
use crate::methods::Methods;
use crate::refusal::{Refusal, of_transport};
use crate::request_body::RequestBody;
use crate::state::GrpcEdge;

/// Makes [`Calls`].
pub(crate) struct CallsLayer {
    shared: Arc<Shared>,
}

/// What all calls share.
struct Shared {
    edge: GrpcEdge,
    methods: Methods,
}

impl CallsLayer {
    pub(super) fn new(edge: &GrpcEdge) -> Self {
        Self {
            shared: Arc::new(Shared {
                edge: edge.clone(),
                methods: Methods::new(),
            }),
        }
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// Answers calls. Never fails: every failure is an answer.
#[derive(Clone)]
pub(crate) struct Calls<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Incoming>> for Calls<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<AnswerBody>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let edge = &shared.edge;
        let began = Instant::now();
        let connection = request
            .extensions()
            .get::<Arc<Connection>>()
            .cloned()
            .expect("the server puts its connection into each request");
        let method = shared.methods.find(request.uri().path());
        let is_known = method.is_some();
        let (call, bad_timeout) =
            Call::new(request.headers(), method, &connection, &*edge.ids, began);
        if let Some(mut answer) = not_grpc(request.method(), request.headers()) {
            // It keeps its connection open like any call.
            drop(connection.begin_call());
            name(answer.headers_mut(), &call);
            tracing::info!(
                method = UNKNOWN_METHOD,
                status = answer.status().as_u16(),
                request_id = call.request_id().as_str(),
                "a request that is not gRPC"
            );
            return ready(answer);
        }
        let end = CallEnd::of(call.clone(), &edge.settings, began);
        let refusal = if !is_known {
            Refusal::unknown_method()
        } else if bad_timeout.is_some() {
            Refusal::invalid_metadata(
                "grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n",
            )
        } else {
            let answer = self.inner.call(with_call(request, call, edge));
            return Box::pin(async move {
                let answer = match answer.await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                Ok(passed_on(answer, end, &shared.edge))
            });
        };
        let retry_after = edge.settings.tuning.retry_after;
        ready(passed_on(refused(refusal, &call, retry_after), end, edge))
    }
}

fn ready(
    answer: Response<AnswerBody>,
) -> BoxFuture<'static, Result<Response<AnswerBody>, Infallible>> {
    Box::pin(std::future::ready(Ok(answer)))
}

fn with_call(request: Request<Incoming>, call: Call, edge: &GrpcEdge) -> Request<RequestBody> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(call.clone());
    let body = RequestBody::new(body, call, &edge.messages, &edge.settings);
    Request::from_parts(parts, body)
}

/// The answer, with the call's name. What tonic refused by itself is said in this edge's words.
fn passed_on(mut answer: Response<Body>, end: CallEnd, edge: &GrpcEdge) -> Response<AnswerBody> {
    let mut code = code_of(answer.headers());
    if code != Code::Ok && !answer.headers().contains_key("grpc-status-details-bin") {
        let message = answer.headers().get("grpc-message");
        let message = message.map_or("", |text| text.to_str().unwrap_or_default());
        if let Some(refusal) = of_transport(code, message, edge.settings.max_message_bytes) {
            answer = refused(refusal, &end.call, edge.settings.tuning.retry_after);
            code = code_of(answer.headers());
        }
    }
    let (mut parts, body) = answer.into_parts();
    name(&mut parts.headers, &end.call);
    let body = if http_body::Body::is_end_stream(&body) {
        end.with(code);
        AnswerBody::empty()
    } else {
        AnswerBody::open(body, end)
    };
    Response::from_parts(parts, body)
}

fn name(headers: &mut HeaderMap, call: &Call) {
    if let Ok(name) = HeaderValue::from_str(call.request_id().as_str()) {
        headers.insert(X_REQUEST_ID, name);
    }
}

/// A request over HTTP/2 that is not gRPC is answered in terms of HTTP.
fn not_grpc(method: &Method, headers: &HeaderMap) -> Option<Response<AnswerBody>> {
    let mut answer = Response::new(AnswerBody::empty());
    if method != Method::POST {
        *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(answer);
    }
    let is_grpc = headers.get(CONTENT_TYPE).is_some_and(|value| {
        let rest = value.as_bytes().strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    });
    if !is_grpc {
        *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let readable = HeaderValue::from_static("application/grpc");
        answer.headers_mut().insert(ACCEPT, readable);
        return Some(answer);
    }
    None
}
