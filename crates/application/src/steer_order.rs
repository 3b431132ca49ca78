//! What people and clients do to orders that exist: cancel, hold, release, replay, discard.

use std::sync::Arc;

use domain::{Order, OrderId, Reason, Refusal, Status, Steering, Transition, Version};
use tokio::time::timeout_at;

use crate::Application;
use crate::caller::Caller;
use crate::ports::{CommitError, Guard, ListFilter, ListQuery, StoreError, Write};

/// Why an order was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// It is not allowed: by the state machine, or because people changed the order too often. Permanent while the
    /// order has this status.
    #[error(transparent)]
    Illegal(#[from] Refusal),
    /// The caller's version (If-Match) is not the order's.
    #[error("the order is at version {current}, not at the one that was asked for")]
    VersionMismatch {
        /// The order's version now.
        current: Version,
    },
    /// The order changed again and again while it was being changed. Retryable.
    #[error("the order keeps changing; try again")]
    Contended,
    /// The store failed. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a change is decided anew when the order moved on between reading and writing it.
const ATTEMPTS: usize = 5;

impl Application {
    /// Changes one order, if it is at `expected` (if given); durable when it returns it. `reason` is recorded.
    ///
    /// # Errors
    /// See [`SteerError`].
    pub async fn steer_order(
        &self,
        caller: &Caller,
        id: OrderId,
        steering: Steering,
        expected: Option<Version>,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, SteerError> {
        for _ in 0..ATTEMPTS {
            let order = self.order_to_steer(caller, id).await?;
            if expected.is_some_and(|version| version != order.version) {
                return Err(SteerError::VersionMismatch {
                    current: order.version,
                });
            }
            let write = self.decide_steering(caller, &order, steering, reason.clone())?;
            let after = Arc::clone(&write.decision.order);
            let result = self
                .store
                .writer
                .commit(vec![write], caller.deadline)
                .await
                .pop();
            match result.expect("a store answers each write") {
                Ok(_) => return Ok(after),
                Err(CommitError::Store(error)) => return Err(SteerError::Store(error)),
                // The order has moved on: read it and decide again.
                Err(
                    CommitError::Stale
                    | CommitError::KeyReused
                    | CommitError::ExternalIdTaken
                    | CommitError::Refused(_),
                ) => {}
            }
        }
        Err(SteerError::Contended)
    }

    /// The order as it stands, by the caller's deadline: while it is read, nothing has begun.
    async fn order_to_steer(&self, caller: &Caller, id: OrderId) -> Result<Arc<Order>, SteerError> {
        match timeout_at(caller.deadline, self.get_order(id)).await {
            Ok(found) => found?.ok_or(SteerError::NotFound),
            Err(_) => Err(StoreError::Expired.into()),
        }
    }

    /// Brings one order to `status`, if it is at `expected` (if given). An order that has the status already is not
    /// changed. CANCELLED, ON_HOLD, and PENDING for an order on hold can be asked for; all else is for operators and
    /// workers.
    ///
    /// # Errors
    /// See [`SteerError`].
    pub async fn set_status(
        &self,
        caller: &Caller,
        id: OrderId,
        status: Status,
        expected: Option<Version>,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, SteerError> {
        let transition = match status {
            Status::Cancelled => Ok(Steering::Cancel),
            Status::OnHold => Ok(Steering::Hold),
            Status::Pending => Ok(Steering::Release),
            Status::Processing => Err(Transition::Claim),
            Status::Retrying => Err(Transition::Retry),
            Status::Processed => Err(Transition::Complete),
            Status::Failed => Err(Transition::Fail),
        };
        for _ in 0..ATTEMPTS {
            let order = self.order_to_steer(caller, id).await?;
            if expected.is_some_and(|version| version != order.version) {
                return Err(SteerError::VersionMismatch {
                    current: order.version,
                });
            }
            if order.status == status {
                return Ok(order);
            }
            let steering = transition.map_err(|transition| Refusal::NotAllowed {
                status: order.status,
                transition,
            })?;
            match self
                .steer_order(caller, id, steering, Some(order.version), reason.clone())
                .await
            {
                // It moved on since it was read: perhaps to where it was wanted.
                Err(SteerError::VersionMismatch { .. }) if expected.is_none() => {}
                done => return done,
            }
        }
        Err(SteerError::Contended)
    }

    /// Replays or discards up to `limit` dead letters that match `filter`, newest first; returns how many. Letters
    /// that change meanwhile are left as they are.
    ///
    /// # Errors
    /// [`SteerError::Store`] where the store fails; what was changed before stays changed.
    pub async fn steer_dead_letters(
        &self,
        caller: &Caller,
        filter: ListFilter,
        steering: Steering,
        reason: Option<Reason>,
        limit: usize,
    ) -> Result<usize, SteerError> {
        let filter = ListFilter {
            status: Some(Status::Failed),
            ..filter
        };
        let mut before = None;
        let mut changed = 0;
        while changed < limit {
            let query = ListQuery {
                filter: filter.clone(),
                before,
                limit: (limit - changed).min(500),
                scan_limit: self.settings.scan_limit,
            };
            let page = self.list_orders(&query).await?;
            // A letter that people have replayed too often is left as it is, like one that changes meanwhile.
            let writes = page
                .orders
                .iter()
                .filter_map(|order| {
                    self.decide_steering(caller, order, steering, reason.clone())
                        .ok()
                })
                .collect();
            let results = self.store.writer.commit(writes, caller.deadline).await;
            for result in results {
                match result {
                    Ok(_) => changed += 1,
                    Err(CommitError::Store(error)) => return Err(SteerError::Store(error)),
                    Err(_) => {}
                }
            }
            match page.next_before {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        Ok(changed)
    }

    fn decide_steering(
        &self,
        caller: &Caller,
        order: &Order,
        steering: Steering,
        reason: Option<Reason>,
    ) -> Result<Write, Refusal> {
        let decision = order.steer(steering, self.clock.now(), caller.cause(reason))?;
        let guard = Guard::At {
            version: order.version,
            status: order.status,
        };
        Ok(Write { decision, guard })
    }
}
