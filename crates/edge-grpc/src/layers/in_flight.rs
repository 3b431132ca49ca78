//! How many calls there may be at a time. A stream takes its permit when it begins and keeps it until its end. Any other
//! call takes one when its request is complete and keeps it, as its message's memory, until its method has answered: a
//! request that is sent by half holds none, and an answer that is not taken counts against the memory for answers instead.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower::{Layer, Service};

use super::refused;
use crate::call::call_of;
use crate::methods::Kind;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::state::GrpcEdge;

/// Makes [`InFlight`].
pub(crate) struct InFlightLayer {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    retry_after: Duration,
}

impl InFlightLayer {
    pub(super) fn new(edge: &GrpcEdge) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(edge.settings.max_calls_in_flight)),
            streams: Arc::new(Semaphore::new(edge.settings.max_streams)),
            retry_after: edge.settings.tuning.retry_after,
        }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> InFlight<S> {
        InFlight {
            inner,
            calls: Arc::clone(&self.calls),
            streams: Arc::clone(&self.streams),
            retry_after: self.retry_after,
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct InFlight<S> {
    inner: S,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    retry_after: Duration,
}

impl<S> Service<Request<RequestBody>> for InFlight<S>
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

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let call = call_of(request.extensions());
        let is_stream = call
            .method()
            .is_some_and(|method| method.kind == Kind::Stream);
        if is_stream {
            match Arc::clone(&self.streams).try_acquire_owned() {
                Ok(permit) => call.hold_permit(permit),
                Err(_) => {
                    let refusal = Refusal::too_many_streams();
                    let answer = refused(refusal, &call, self.retry_after);
                    return Box::pin(std::future::ready(Ok(answer)));
                }
            }
            return Box::pin(self.inner.call(request));
        }
        let permits = Arc::clone(&self.calls);
        request.body_mut().take_permit_when_complete(permits);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            call.release_permit();
            call.drop_messages();
            answer
        })
    }
}
