//! A panic of a method, or of a layer inside this one, is INTERNAL; the log has its message. A panic in the body of a stream
//! is caught in `answer_body`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::refused;
use crate::call::call_of;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::state::GrpcEdge;

/// Makes [`CatchPanic`].
pub(crate) struct CatchPanicLayer {
    retry_after: Duration,
}

impl CatchPanicLayer {
    pub(super) fn new(edge: &GrpcEdge) -> Self {
        Self {
            retry_after: edge.settings.tuning.retry_after,
        }
    }
}

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic {
            inner,
            retry_after: self.retry_after,
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct CatchPanic<S> {
    inner: S,
    retry_after: Duration,
}

impl<S> Service<Request<RequestBody>> for CatchPanic<S>
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
        let retry_after = self.retry_after;
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            answer.await.unwrap_or_else(|panic| {
                let refusal = Refusal::of_panic(&*panic);
                Ok(refused(refusal, &call, retry_after))
            })
        })
    }
}
