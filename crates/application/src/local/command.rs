//! A command on one order: cancel, hold, release, replay, discard.

use std::sync::Arc;

use domain::{Order, OrderCommand, OrderId, Reason, Refusal};

use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::orders::{CommandError, ExpectedVersion};
use crate::ports::{CommitError, Guard, Write};

/// How often a change is decided again because the order changed between reading and writing it.
pub(super) const ATTEMPTS: usize = 5;

impl LocalOrders {
    pub(super) async fn command_order(
        &self,
        caller: &Caller,
        id: OrderId,
        command: OrderCommand,
        expected: &ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        access::may_command(caller, command)?;
        for _ in 0..ATTEMPTS {
            let order = self.order_to_change(caller, id, expected).await?;
            let write = self.decide(caller, &order, command, reason.clone())?;
            let after = Arc::clone(&write.decision.order);
            let result = self.writer.commit(vec![write], caller.deadline).await.pop();
            match result.expect("a store answers each write") {
                Ok(_) => return Ok(after),
                Err(CommitError::Store(error)) => return Err(CommandError::Store(error)),
                // The order has changed: read it and decide again.
                Err(
                    CommitError::Stale
                    | CommitError::KeyReused
                    | CommitError::ExternalIdTaken
                    | CommitError::Refused(_),
                ) => {}
            }
        }
        Err(CommandError::Contended)
    }

    /// The order as it is now, if it exists for the caller and is at an expected version.
    pub(super) async fn order_to_change(
        &self,
        caller: &Caller,
        id: OrderId,
        expected: &ExpectedVersion,
    ) -> Result<Arc<Order>, CommandError> {
        let order = self.visible_order(caller, id).await?;
        let order = order.ok_or(CommandError::NotFound)?;
        if expected.admits(order.version) {
            Ok(order)
        } else {
            let current = order.version;
            Err(CommandError::VersionMismatch { current })
        }
    }

    pub(super) fn decide(
        &self,
        caller: &Caller,
        order: &Order,
        command: OrderCommand,
        reason: Option<Reason>,
    ) -> Result<Write, Refusal> {
        let decision = order.apply(command, self.clock.now(), caller.cause(reason))?;
        let guard = Guard::At {
            version: order.version,
            status: order.status,
        };
        Ok(Write { decision, guard })
    }
}
