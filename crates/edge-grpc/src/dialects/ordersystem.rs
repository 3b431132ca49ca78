//! orderSystem: `order.OrderService` of orders that are a user and an amount. Its words for statuses are ours.

use std::sync::Arc;

use application::{ExpectedVersion, NamedOrder, Placed};
use domain::{Order, OrderDraft, Status};
use proto::order as pb;
use proto::order::order_service_server::OrderService;
use tonic::{Request, Response, Status as Answer};

use super::{checked, double, shortest, text};
use crate::call::{Call, call_of};
use crate::messages::Faults;
use crate::orders::{answer, read};
use crate::refusal::{Refusal, of_command, of_place};
use crate::state::GrpcEdge;

/// The service.
pub(crate) struct OrderSystem {
    edge: GrpcEdge,
}

impl OrderSystem {
    pub(crate) fn new(edge: GrpcEdge) -> Self {
        Self { edge }
    }

    async fn create(
        &self,
        call: &Call,
        message: pb::CreateOrderRequest,
    ) -> Result<pb::OrderResponse, Refusal> {
        let settings = &self.edge.settings;
        let draft = OrderDraft {
            user_id: text(message.user_id),
            amount: shortest(message.amount),
            ..OrderDraft::default()
        };
        let command = checked(draft, settings.default_currency, &[])?;
        let caller = call.caller(settings.request_deadline);
        let placed = self.edge.orders.place(&caller, command, None);
        let placed = placed
            .await
            .map_err(|error| of_place(error, caller.deadline))?;
        let (Placed::Created(order) | Placed::Replayed(order) | Placed::Existing(order)) = placed;
        Ok(response(&order, order.id.to_string()))
    }

    async fn get(
        &self,
        call: &Call,
        message: pb::GetOrderRequest,
    ) -> Result<pb::OrderResponse, Refusal> {
        let order = self.named(call, &message.order_id).await?;
        Ok(response(&order, message.order_id))
    }

    async fn update(
        &self,
        call: &Call,
        message: pb::UpdateStatusRequest,
    ) -> Result<pb::OrderResponse, Refusal> {
        let Some(status) = Status::from_name(&message.status) else {
            let mut faults = Faults::default();
            let names = Status::ALL.map(Status::as_str).join(", ");
            faults.push(
                "/status",
                "unknown_value",
                format!("must be one of {names}"),
            );
            return faults.all_good(None);
        };
        let id = self.named(call, &message.order_id).await?.id;
        let caller = call.caller(self.edge.settings.request_deadline);
        let changing = self
            .edge
            .orders
            .set_status(&caller, id, status, ExpectedVersion::Any, None);
        let order = changing
            .await
            .map_err(|error| of_command(error, caller.deadline))?;
        Ok(response(&order, message.order_id))
    }

    /// The order that a client means: by our id, or by the number that it had before it came to us.
    async fn named(&self, call: &Call, name: &str) -> Result<Arc<Order>, Refusal> {
        let caller = call.caller(self.edge.settings.request_deadline);
        match read(&caller, self.edge.orders.find_by_name(&caller, name)).await? {
            NamedOrder::Unknown => Err(Refusal::order_not_found()),
            NamedOrder::Order(order) => Ok(order),
            NamedOrder::Several => Err(Refusal::several_orders()),
        }
    }
}

/// Under the number that the client knows it by.
fn response(order: &Order, order_id: String) -> pb::OrderResponse {
    pb::OrderResponse {
        order_id,
        user_id: order.user_id.as_str().to_owned(),
        amount: double(order.amount),
        status: order.status.as_str().to_owned(),
        created_at: order.created_at.to_string(),
    }
}

#[tonic::async_trait]
impl OrderService for OrderSystem {
    async fn create_order(
        &self,
        request: Request<pb::CreateOrderRequest>,
    ) -> Result<Response<pb::OrderResponse>, Answer> {
        let call = call_of(request.extensions());
        let result = self.create(&call, request.into_inner()).await;
        answer(&self.edge, &call, result)
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::OrderResponse>, Answer> {
        let call = call_of(request.extensions());
        let result = self.get(&call, request.into_inner()).await;
        answer(&self.edge, &call, result)
    }

    async fn update_status(
        &self,
        request: Request<pb::UpdateStatusRequest>,
    ) -> Result<Response<pb::OrderResponse>, Answer> {
        let call = call_of(request.extensions());
        let result = self.update(&call, request.into_inner()).await;
        answer(&self.edge, &call, result)
    }
}
