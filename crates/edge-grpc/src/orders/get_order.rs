//! GetOrder: an order as it is now.

use proto::ordermill::v1 as pb;

use super::existing_order;
use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::Refusal;
use crate::state::GrpcEdge;

pub(super) async fn get_order(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::GetOrderRequest,
) -> Result<pb::GetOrderResponse, Refusal> {
    let mut faults = Faults::default();
    let id = messages::read_order_id(&message.order_id, &mut faults);
    let id = faults.all_good(id)?;
    let order = existing_order(edge, &call.caller(edge.settings.request_deadline), id).await?;
    Ok(pb::GetOrderResponse {
        order: Some(messages::order(&order)),
    })
}
