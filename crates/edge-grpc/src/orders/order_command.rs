//! The methods that change one order and answer with the changed order: UpdateStatus, CancelOrder, HoldOrder, ReleaseOrder,
//! ReplayDeadLetter and DiscardDeadLetter. `expected_version` makes the change conditional, `reason` is recorded with it.

use domain::{OrderCommand, Version};
use proto::ordermill::v1 as pb;

use crate::call::Call;
use crate::messages::{self, Faults};
use crate::refusal::{Refusal, of_command};
use crate::state::GrpcEdge;

/// What all commands to one order take.
pub(super) struct Target<'a> {
    pub(super) order_id: &'a str,
    pub(super) expected_version: Option<u32>,
    pub(super) reason: Option<&'a str>,
}

pub(super) async fn update_status(
    edge: &GrpcEdge,
    call: &Call,
    message: &pb::UpdateStatusRequest,
) -> Result<pb::UpdateStatusResponse, Refusal> {
    let mut faults = Faults::default();
    let id = messages::read_order_id(&message.order_id, &mut faults);
    let status = messages::read_status(message.status, &mut faults);
    let expected = read_version(message.expected_version, &mut faults);
    let reason = messages::read_reason(message.reason.as_deref(), &mut faults);
    let (id, status) = faults.all_good(id.zip(status))?;
    let caller = call.caller(edge.settings.request_deadline);
    let order = edge
        .orders
        .set_status(&caller, id, status, expected.into(), reason)
        .await
        .map_err(|error| of_command(error, caller.deadline))?;
    Ok(pb::UpdateStatusResponse {
        order: Some(messages::order(&order)),
    })
}

pub(super) async fn command(
    edge: &GrpcEdge,
    call: &Call,
    target: Target<'_>,
    command: OrderCommand,
) -> Result<pb::Order, Refusal> {
    let mut faults = Faults::default();
    let id = messages::read_order_id(target.order_id, &mut faults);
    let expected = read_version(target.expected_version, &mut faults);
    let reason = messages::read_reason(target.reason, &mut faults);
    let id = faults.all_good(id)?;
    let caller = call.caller(edge.settings.request_deadline);
    let order = edge
        .orders
        .command(&caller, id, command, expected.into(), reason)
        .await
        .map_err(|error| of_command(error, caller.deadline))?;
    Ok(messages::order(&order))
}

fn read_version(given: Option<u32>, faults: &mut Faults) -> Option<Version> {
    let number = given?;
    let version = Version::from_number(number);
    if version.is_none() {
        faults.push("/expected_version", "out_of_range", "must be at least 1");
    }
    version
}
