//! The tower layers around tonic's routes, from the outside to the inside: `call` (the request's id, what is not gRPC, the
//! log), `panic`, `deadline`, `in_flight`. `server` builds the stack once.

mod call;
mod deadline;
mod in_flight;
mod panic;

use std::time::Duration;

use http::Response;
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceBuilder;

use crate::call::Call;
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

pub(crate) use call::Calls;

/// The stack.
pub(crate) type Layered =
    Calls<panic::CatchPanic<deadline::WithDeadline<in_flight::InFlight<Routes>>>>;

/// Puts the layers around the routes.
pub(crate) fn layered(edge: &GrpcEdge, routes: Routes) -> Layered {
    ServiceBuilder::new()
        .layer(call::CallsLayer::new(edge))
        .layer(panic::CatchPanicLayer::new(edge))
        .layer(deadline::DeadlineLayer::new(edge))
        .layer(in_flight::InFlightLayer::new(edge))
        .service(routes)
}

/// The answer of a call that is refused before its method begins, or instead of its answer.
fn refused(refusal: Refusal, call: &Call, retry_after: Duration) -> Response<Body> {
    refusal.into_status(call, retry_after).into_http()
}
