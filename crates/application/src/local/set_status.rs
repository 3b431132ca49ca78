//! Bringing one order to a status, by the command that leads there.

use std::sync::Arc;

use domain::{Order, OrderCommand, OrderId, Reason, Refusal, Status, Transition};

use super::command::ATTEMPTS;
use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::orders::{CommandError, ExpectedVersion};

impl LocalOrders {
    pub(super) async fn bring_to_status(
        &self,
        caller: &Caller,
        id: OrderId,
        status: Status,
        expected: &ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        let command = command_to(status);
        match command {
            Ok(command) => access::may_command(caller, command)?,
            Err(_) => access::may_operate(caller)?,
        }
        for _ in 0..ATTEMPTS {
            let order = self.order_to_change(caller, id, expected).await?;
            if order.status == status {
                return Ok(order);
            }
            let command = command.map_err(|transition| Refusal::NotAllowed {
                status: order.status,
                transition,
            })?;
            let read = ExpectedVersion::OneOf(vec![order.version]);
            let changing = self.command_order(caller, id, command, &read, reason.clone());
            match changing.await {
                // It changed since it was read: perhaps to the status that was asked for.
                Err(CommandError::VersionMismatch { .. }) if *expected == ExpectedVersion::Any => {}
                done => return done,
            }
        }
        Err(CommandError::Contended)
    }
}

/// The command that brings an order to `status`, or the transition that no command makes.
const fn command_to(status: Status) -> Result<OrderCommand, Transition> {
    match status {
        Status::Cancelled => Ok(OrderCommand::Cancel),
        Status::OnHold => Ok(OrderCommand::Hold),
        Status::Pending => Ok(OrderCommand::Release),
        Status::Processing => Err(Transition::Claim),
        Status::Retrying => Err(Transition::Retry),
        Status::Processed => Err(Transition::Complete),
        Status::Failed => Err(Transition::Fail),
    }
}
