//! CreateOrder: takes one order. OK once it is durable, or where its key or its external id was known with the same body.

use application::Placed;
use proto::ordermill::v1 as pb;

use crate::call::Call;
use crate::messages;
use crate::refusal::{Refusal, of_place};
use crate::state::GrpcEdge;

pub(super) async fn create_order(
    edge: &GrpcEdge,
    call: &Call,
    message: pb::CreateOrderRequest,
) -> Result<pb::CreateOrderResponse, Refusal> {
    let (command, key) = messages::read_order(message, edge.settings.default_currency)?;
    let caller = call.caller(edge.settings.request_deadline);
    let placed = edge
        .orders
        .place(&caller, command, key)
        .await
        .map_err(|error| of_place(error, caller.deadline))?;
    let (order, placement) = match &placed {
        Placed::Created(order) => (order, pb::Placement::Created),
        Placed::Replayed(order) => (order, pb::Placement::Replayed),
        Placed::Existing(order) => (order, pb::Placement::Existing),
    };
    Ok(pb::CreateOrderResponse {
        order: Some(messages::order(order)),
        placement: placement.into(),
    })
}
