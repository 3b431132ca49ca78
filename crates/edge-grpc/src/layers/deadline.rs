//! The deadline of a call: its client's, and at most the server's own bound. What has not answered by then is
//! DEADLINE_EXCEEDED, and says whether something may have been changed.
//!
//! tonic's own server ends a call at its client's deadline outside of every layer and without details, so a client could
//! not tell an order that was never begun from one that may exist. A stream's deadline after its begin is in
//! `answer_body`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::timeout_at;
use tonic::body::Body;
use tower::{Layer, Service};

use super::refused;
use crate::call::{Call, call_of};
use crate::methods::Kind;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::settings::GrpcSettings;
use crate::state::GrpcEdge;

/// A method that waits by itself until the deadline has this much longer to say what it knows of the outcome: timers of the
/// same moment fire in any order.
const GRACE: Duration = Duration::from_millis(100);

/// Makes [`WithDeadline`].
pub(crate) struct DeadlineLayer {
    settings: Arc<GrpcSettings>,
}

impl DeadlineLayer {
    pub(super) fn new(edge: &GrpcEdge) -> Self {
        Self {
            settings: Arc::clone(&edge.settings),
        }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = WithDeadline<S>;

    fn layer(&self, inner: S) -> WithDeadline<S> {
        WithDeadline {
            inner,
            settings: Arc::clone(&self.settings),
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct WithDeadline<S> {
    inner: S,
    settings: Arc<GrpcSettings>,
}

impl<S> Service<Request<RequestBody>> for WithDeadline<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let call = call_of(request.extensions());
        let kind = call.method().map_or(Kind::Unary, |method| method.kind);
        let bound = match kind {
            Kind::Unary | Kind::Stream => self.settings.request_deadline,
            Kind::Upload => self.settings.batch_deadline,
        };
        let until = call.within(bound) + GRACE;
        let retry_after = self.settings.tuning.retry_after;
        let answer = timeout_at(until, self.inner.call(request));
        Box::pin(async move {
            answer
                .await
                .unwrap_or_else(|_| Ok(refused(passed(&call), &call, retry_after)))
        })
    }
}

fn passed(call: &Call) -> Refusal {
    let may_change = call.method().is_some_and(|method| method.changes);
    // The method did not say how far it came.
    if may_change && call.was_admitted() {
        Refusal::outcome_unknown_at_deadline()
    } else {
        Refusal::deadline_passed()
    }
}
