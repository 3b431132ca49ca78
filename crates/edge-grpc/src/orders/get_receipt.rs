//! GetReceipt: the receipt of an order as text. NOT_FOUND until the order is PROCESSED, with another reason than for an order
//! that does not exist.

use application::FoundReceipt;
use proto::ordermill::v1 as pb;

use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::{Refusal, of_read_receipt};
use crate::state::GrpcEdge;

pub(super) async fn get_receipt(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::GetReceiptRequest,
) -> Result<pb::GetReceiptResponse, Refusal> {
    let mut faults = Faults::default();
    let id = messages::read_order_id(&message.order_id, &mut faults);
    let id = faults.all_good(id)?;
    let caller = call.caller(edge.settings.request_deadline);
    let found = edge.orders.receipt(&caller, id).await;
    match found.map_err(|error| of_read_receipt(&error, caller.deadline))? {
        FoundReceipt::Text(text) => Ok(pb::GetReceiptResponse { text }),
        FoundReceipt::NotYet { status } => Err(Refusal::no_receipt(status)),
        FoundReceipt::UnknownOrder => Err(Refusal::order_not_found()),
    }
}
