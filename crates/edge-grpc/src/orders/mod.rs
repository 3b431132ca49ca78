//! `ordermill.v1.OrderService`: the methods, with what each takes, answers and refuses. tonic's generated server calls it.

mod create_order;
mod create_orders;
mod dead_letters;
mod get_order;
mod get_receipt;
mod get_stats;
mod intake_orders;
mod list_events;
mod list_orders;
mod order_command;
mod page;
mod watch;

use std::future::Future;
use std::sync::Arc;

use application::{Caller, ReadError};
use domain::{Order, OrderCommand, OrderId};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_service_server::OrderService;
use tonic::{Request, Response, Status, Streaming};

use crate::call::{Call, call_of};
use crate::intake::Intake;
use crate::refusal::{Refusal, of_read};
use crate::state::GrpcEdge;
use dead_letters::Selection;
use order_command::Target;

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

/// What a command to one order takes: each has a message of its own, with the same fields.
macro_rules! target {
    ($message:expr) => {{
        let message = $message;
        Target {
            order_id: &message.order_id,
            expected_version: message.expected_version,
            reason: message.reason.as_deref(),
        }
    }};
}

/// What a command to many dead letters takes, in the same way.
macro_rules! selection {
    ($message:expr) => {{
        let message = $message;
        Selection {
            user_id: message.user_id.as_deref(),
            code: message.code.as_deref(),
            reason: message.reason.as_deref(),
        }
    }};
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
        let call = call_of(request.extensions());
        let result = create_order::create_order(&self.edge, &call, request.into_inner()).await;
        self.answer(&call, result)
    }

    async fn create_orders(
        &self,
        request: Request<Streaming<pb::CreateOrderRequest>>,
    ) -> Result<Response<pb::CreateOrdersResponse>, Status> {
        let call = call_of(request.extensions());
        create_orders::create_orders(&self.edge, &call, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let call = call_of(request.extensions());
        let result = get_order::get_order(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let call = call_of(request.extensions());
        let result = list_orders::list_orders(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn update_status(
        &self,
        request: Request<pb::UpdateStatusRequest>,
    ) -> Result<Response<pb::UpdateStatusResponse>, Status> {
        let call = call_of(request.extensions());
        let result = order_command::update_status(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let call = call_of(request.extensions());
        let target = target!(request.get_ref());
        let result = order_command::command(&self.edge, &call, target, OrderCommand::Cancel).await;
        let result = result.map(|order| pb::CancelOrderResponse { order: Some(order) });
        self.answer(&call, result)
    }

    async fn hold_order(
        &self,
        request: Request<pb::HoldOrderRequest>,
    ) -> Result<Response<pb::HoldOrderResponse>, Status> {
        let call = call_of(request.extensions());
        let target = target!(request.get_ref());
        let result = order_command::command(&self.edge, &call, target, OrderCommand::Hold).await;
        let result = result.map(|order| pb::HoldOrderResponse { order: Some(order) });
        self.answer(&call, result)
    }

    async fn release_order(
        &self,
        request: Request<pb::ReleaseOrderRequest>,
    ) -> Result<Response<pb::ReleaseOrderResponse>, Status> {
        let call = call_of(request.extensions());
        let target = target!(request.get_ref());
        let result = order_command::command(&self.edge, &call, target, OrderCommand::Release).await;
        let result = result.map(|order| pb::ReleaseOrderResponse { order: Some(order) });
        self.answer(&call, result)
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let call = call_of(request.extensions());
        let result = list_events::list_events(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn get_receipt(
        &self,
        request: Request<pb::GetReceiptRequest>,
    ) -> Result<Response<pb::GetReceiptResponse>, Status> {
        let call = call_of(request.extensions());
        let result = get_receipt::get_receipt(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn get_stats(
        &self,
        request: Request<pb::GetStatsRequest>,
    ) -> Result<Response<pb::GetStatsResponse>, Status> {
        let call = call_of(request.extensions());
        let result = get_stats::get_stats(&self.edge, &call).await;
        self.answer(&call, result)
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let call = call_of(request.extensions());
        let result = dead_letters::list(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn list_dead_letter_reasons(
        &self,
        request: Request<pb::ListDeadLetterReasonsRequest>,
    ) -> Result<Response<pb::ListDeadLetterReasonsResponse>, Status> {
        let call = call_of(request.extensions());
        let result = dead_letters::list_reasons(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn replay_dead_letter(
        &self,
        request: Request<pb::ReplayDeadLetterRequest>,
    ) -> Result<Response<pb::ReplayDeadLetterResponse>, Status> {
        let call = call_of(request.extensions());
        let target = target!(request.get_ref());
        let result = order_command::command(&self.edge, &call, target, OrderCommand::Replay).await;
        let result = result.map(|order| pb::ReplayDeadLetterResponse { order: Some(order) });
        self.answer(&call, result)
    }

    async fn discard_dead_letter(
        &self,
        request: Request<pb::DiscardDeadLetterRequest>,
    ) -> Result<Response<pb::DiscardDeadLetterResponse>, Status> {
        let call = call_of(request.extensions());
        let target = target!(request.get_ref());
        let result = order_command::command(&self.edge, &call, target, OrderCommand::Discard).await;
        let result = result.map(|order| pb::DiscardDeadLetterResponse { order: Some(order) });
        self.answer(&call, result)
    }

    async fn replay_dead_letters(
        &self,
        request: Request<pb::ReplayDeadLettersRequest>,
    ) -> Result<Response<pb::ReplayDeadLettersResponse>, Status> {
        let call = call_of(request.extensions());
        let selection = selection!(request.get_ref());
        let result =
            dead_letters::command(&self.edge, &call, selection, OrderCommand::Replay).await;
        let result = result.map(|changed| pb::ReplayDeadLettersResponse {
            replayed: changed.count,
            has_more: changed.has_more,
        });
        self.answer(&call, result)
    }

    async fn discard_dead_letters(
        &self,
        request: Request<pb::DiscardDeadLettersRequest>,
    ) -> Result<Response<pb::DiscardDeadLettersResponse>, Status> {
        let call = call_of(request.extensions());
        let selection = selection!(request.get_ref());
        let result =
            dead_letters::command(&self.edge, &call, selection, OrderCommand::Discard).await;
        let result = result.map(|changed| pb::DiscardDeadLettersResponse {
            discarded: changed.count,
            has_more: changed.has_more,
        });
        self.answer(&call, result)
    }

    async fn watch_order(
        &self,
        request: Request<pb::WatchOrderRequest>,
    ) -> Result<Response<Watch>, Status> {
        let call = call_of(request.extensions());
        let result = watch::watch_order(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn watch_orders(
        &self,
        request: Request<pb::WatchOrdersRequest>,
    ) -> Result<Response<Watch>, Status> {
        let call = call_of(request.extensions());
        let result = watch::watch_orders(&self.edge, &call, request.get_ref()).await;
        self.answer(&call, result)
    }

    async fn intake_orders(
        &self,
        request: Request<Streaming<pb::CreateOrderRequest>>,
    ) -> Result<Response<Intake<Results>>, Status> {
        let call = call_of(request.extensions());
        let codec = Results::new(&self.edge);
        let intake = Intake::new(codec, self.edge.clone(), call, request.into_inner());
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
