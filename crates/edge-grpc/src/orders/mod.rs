//! `ordermill.v1.OrderService`: the methods, one a file, with what each takes, answers and refuses. `dispatch` calls it.

mod create_order;
mod create_orders;
mod get_order;
mod intake_orders;
mod list_orders;
mod order_command;
mod watch;

use std::future::Future;
use std::sync::Arc;

use application::{Caller, ReadError};
use domain::{Order, OrderId};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_service_server::OrderService;
use tonic::{Request, Response, Status, Streaming};

use crate::call::{Call, call_of};
use crate::intake::Intake;
use crate::refusal::{Refusal, of_read};
use crate::state::GrpcEdge;

pub(crate) use intake_orders::Results;
pub(crate) use watch::Watch;

/// The service.
pub(crate) struct Orders {
    edge: GrpcEdge,
}

impl Orders {
    pub(crate) fn new(edge: GrpcEdge) -> Self {
        Self { edge }
    }

    fn answer<T>(&self, call: &Call, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
        answer(&self.edge, call, result)
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    type WatchOrderStream = Watch;
    type WatchOrdersStream = Watch;
    type IntakeOrdersStream = Intake<Results>;

    async fn create_order(
        &self,
        request: Request<pb::CreateOrderRequest>,
    ) -> Result<Response<pb::CreateOrderResponse>, Status> {
        let call = call_of(&request);
        let result = create_order::create_order(&self.edge, &call, request.into_inner()).await;
        self.answer(&call, result)
    }

    async fn create_orders(
        &self,
        request: Request<Streaming<pb::CreateOrderRequest>>,
    ) -> Result<Response<pb::CreateOrdersResponse>, Status> {
        let call = call_of(&request);
        create_orders::create_orders(&self.edge, &call, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let call = call_of(&request);
        let result = get_order::get_order(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let call = call_of(&request);
        let result = list_orders::list_orders(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn update_status(
        &self,
        request: Request<pb::UpdateStatusRequest>,
    ) -> Result<Response<pb::UpdateStatusResponse>, Status> {
        let call = call_of(&request);
        let result = order_command::update_status(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let call = call_of(&request);
        let result = order_command::cancel_order(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn watch_order(
        &self,
        request: Request<pb::WatchOrderRequest>,
    ) -> Result<Response<Watch>, Status> {
        let call = call_of(&request);
        let result = watch::watch_order(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn watch_orders(
        &self,
        request: Request<pb::WatchOrdersRequest>,
    ) -> Result<Response<Watch>, Status> {
        let call = call_of(&request);
        let result = watch::watch_orders(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn intake_orders(
        &self,
        request: Request<Streaming<pb::CreateOrderRequest>>,
    ) -> Result<Response<Intake<Results>>, Status> {
        let call = call_of(&request);
        let speech = Results::new(&self.edge);
        let intake = Intake::new(speech, self.edge.clone(), call, request.into_inner());
        Ok(Response::new(intake))
    }
}

/// A method's end.
pub(crate) fn answer<T>(
    edge: &GrpcEdge,
    call: &Call,
    result: Result<T, Refusal>,
) -> Result<Response<T>, Status> {
    result
        .map(Response::new)
        .map_err(|refusal| refusal.into_status(call, edge.settings.tuning.retry_after))
}

/// Waits for a read of `caller`.
pub(crate) async fn read<T>(
    caller: &Caller,
    reading: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, Refusal> {
    let answer = reading.await;
    answer.map_err(|error| of_read(&error, caller.deadline))
}

/// Waits for an order by its id; NOT_FOUND if there is none.
pub(crate) async fn existing_order(
    edge: &GrpcEdge,
    caller: &Caller,
    id: OrderId,
) -> Result<Arc<Order>, Refusal> {
    let order = read(caller, edge.orders.get(caller, id)).await?;
    order.ok_or_else(Refusal::order_not_found)
}
