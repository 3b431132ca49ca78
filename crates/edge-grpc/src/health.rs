//! `grpc.health.v1.Health`: whether orders can be taken now, as the probes of other edges say it. It implements the trait of
//! tonic-health's server, and not its reporter, which would have to be told every change: it asks the store when it is asked
//! itself, and repeatedly only while a client watches.

use std::pin::Pin;

use application::Caller;
use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::call::{Call, call_of};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

/// The services that can be asked for; all of them depend on the store.
const SERVICES: [&str; 4] = [
    "",
    "ordermill.v1.OrderService",
    "order.OrderService",
    "grpcstream.OrderStream",
];

/// The service.
pub(crate) struct HealthCheck {
    edge: GrpcEdge,
}

impl HealthCheck {
    pub(crate) fn new(edge: GrpcEdge) -> Self {
        Self { edge }
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Health for HealthCheck {
    type WatchStream = Answers;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let call = call_of(request.extensions());
        if !SERVICES.contains(&request.get_ref().service.as_str()) {
            return Err(Refusal::not_found_service()
                .into_status(&call, self.edge.settings.tuning.retry_after));
        }
        Ok(Response::new(answer(
            serving_status(&self.edge, &call).await,
        )))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Answers>, Status> {
        let is_known = SERVICES.contains(&request.get_ref().service.as_str());
        let watching = Watching {
            call: call_of(request.extensions()),
            edge: self.edge.clone(),
            is_known,
            last: None,
        };
        Ok(Response::new(Box::pin(stream::unfold(
            Some(watching),
            |watching| async move { watching?.next().await },
        ))))
    }
}

struct Watching {
    edge: GrpcEdge,
    call: Call,
    is_known: bool,
    last: Option<ServingStatus>,
}

impl Watching {
    /// The next change; the stream ends with the server.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Option<Self>)> {
        loop {
            let is_stopping = self.edge.soft.is_cancelled();
            let now = if self.is_known {
                serving_status(&self.edge, &self.call).await
            } else {
                ServingStatus::ServiceUnknown
            };
            if self.last != Some(now) {
                self.last = Some(now);
                return Some((Ok(answer(now)), Some(self)));
            }
            if is_stopping {
                let status = Refusal::stopping()
                    .into_status(&self.call, self.edge.settings.tuning.retry_after);
                return Some((Err(status), None));
            }
            let next = Instant::now() + self.edge.settings.tuning.probe_interval;
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.edge.soft.cancelled() => {}
            }
        }
    }
}

async fn serving_status(edge: &GrpcEdge, call: &Call) -> ServingStatus {
    if edge.soft.is_cancelled() {
        return ServingStatus::NotServing;
    }
    let probe_timeout = edge.settings.tuning.probe_timeout;
    let caller = Caller {
        // A shard that cannot answer before the client's own deadline is not unreachable for that.
        deadline: Instant::now() + probe_timeout,
        ..call.caller(probe_timeout)
    };
    if edge.orders.store_health(&caller).await.takes_orders() {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
