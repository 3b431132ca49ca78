//! Taking orders, one or many: decide, commit, and tell a new order from one that was there before.

use std::sync::Arc;

use domain::{IdempotencyKey, Order, PlaceOrder, Receipt, Timestamp};

use crate::Application;
use crate::caller::Caller;
use crate::in_flight::InFlight;
use crate::ports::{CommitError, Committed, Guard, ReceiptError, StoreError, Write};
use crate::receipts::Receipts;

/// What became of a request to place an order. All three are successes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It is a new order, and durable.
    Created(Arc<Order>),
    /// The key made this order before: the order as it was first answered, at version 1.
    Replayed(Arc<Order>),
    /// The external id names this order, made by an equal command: the order as it is now.
    Existing(Arc<Order>),
}

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The key was used with another body. Permanent.
    #[error("the Idempotency-Key was used before with another body; use a new key for a new order")]
    KeyReused,
    /// The external id names an order with another body. Permanent.
    #[error(
        "the external_id names another order of this user; use a new external_id, or send the same body"
    )]
    ExternalIdTaken,
    /// An equal request with this key is still under way, past this caller's deadline. Retryable.
    #[error("a request with this Idempotency-Key is still under way; send it again in a moment")]
    KeyInFlight,
    /// The store cannot hold this order. Permanent.
    #[error("the order was refused by the store: {0}")]
    Refused(String),
    /// The receipt of imported history could not be kept; the order was not placed. Retryable unless a conflict.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The store failed. Retryable, with the same key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One row of a batch.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// The order.
    pub command: PlaceOrder,
    /// Its own key.
    pub key: Option<IdempotencyKey>,
    /// Set for imported history: when the order was made. It then begins PROCESSED and is never worked on.
    pub history: Option<Timestamp>,
}

impl Application {
    /// Places one order; durable when it returns a success.
    ///
    /// # Errors
    /// See [`PlaceError`]; whatever the error, the same request with the same key finds out what happened.
    pub async fn place_order(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError> {
        let held = key
            .as_ref()
            .map(|key| self.in_flight.enter(&command.user_id, key));
        let write = self.decide_new(caller, command, key);
        let order = Arc::clone(&write.decision.order);
        let mut results = self.store.commit(vec![write], caller.deadline).await;
        let result = results.pop().expect("a store answers each write");
        if matches!(
            result,
            Err(CommitError::Store(
                StoreError::Unknown { .. } | StoreError::Expired
            ))
        ) && held.as_ref().is_some_and(InFlight::is_shared)
        {
            return Err(PlaceError::KeyInFlight);
        }
        placed(order, result)
    }

    /// Places many orders, each on its own; one answer a row, in the same order.
    pub async fn place_batch(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        let mut answers: Vec<Option<Result<Placed, PlaceError>>> = Vec::with_capacity(rows.len());
        let mut writes = Vec::with_capacity(rows.len());
        for row in rows {
            let decided = match row.history {
                None => Ok(self.decide_new(caller, row.command, row.key)),
                Some(created_at) => {
                    self.decide_history(caller, row.command, row.key, created_at)
                        .await
                }
            };
            answers.push(decided.map_or_else(
                |error| Some(Err(error)),
                |write| {
                    writes.push(write);
                    None
                },
            ));
        }
        let orders: Vec<_> = writes
            .iter()
            .map(|write| Arc::clone(&write.decision.order))
            .collect();
        let results = self.store.commit(writes, caller.deadline).await;
        let mut committed = orders.into_iter().zip(results);
        let mut next = || {
            committed
                .next()
                .map(|(order, result)| placed(order, result))
        };
        answers
            .into_iter()
            .map(|answer| {
                answer
                    .or_else(&mut next)
                    .expect("a store answers each write")
            })
            .collect()
    }

    fn decide_new(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Write {
        let now = self.clock.now();
        let id = self.ids.order_id(now, &command.user_id);
        let fingerprint =
            (key.is_some() || command.external_id.is_some()).then(|| command.fingerprint());
        let decision = Order::place(command, id, now, caller.trace.clone());
        Write {
            decision,
            guard: Guard::New { key, fingerprint },
            receipt: None,
        }
    }

    /// Imported history. A receipt outside the store is written first, as for every order that becomes PROCESSED;
    /// for one that turns out to exist already none is written.
    async fn decide_history(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
        created_at: Timestamp,
    ) -> Result<Write, PlaceError> {
        let fingerprint =
            (key.is_some() || command.external_id.is_some()).then(|| command.fingerprint());
        let known = match &command.external_id {
            Some(external_id) => self
                .store
                .find(&command.user_id, external_id)
                .await?
                .is_some(),
            None => false,
        };
        let id = self.ids.order_id(created_at, &command.user_id);
        let receipt_key = Receipt::key_of(&command.user_id, id);
        let decision =
            Order::place_history(command, id, created_at, caller.trace.clone(), receipt_key)
                .expect("the state machine leads from PENDING through PROCESSING to PROCESSED");
        let receipt = Receipt::of(&decision.order);
        let receipt = match &self.receipts {
            Receipts::InStore => Some(receipt),
            Receipts::Outside(_) if known => None,
            Receipts::Outside(store) => {
                store.put(&receipt).await?;
                None
            }
        };
        Ok(Write {
            decision,
            guard: Guard::New { key, fingerprint },
            receipt,
        })
    }
}

fn placed(order: Arc<Order>, result: Result<Committed, CommitError>) -> Result<Placed, PlaceError> {
    match result {
        Ok(Committed::Written { .. }) => Ok(Placed::Created(order)),
        Ok(Committed::Replayed(order)) => Ok(Placed::Replayed(Arc::new(order.as_created()))),
        Ok(Committed::Existing(order)) => Ok(Placed::Existing(order)),
        Err(CommitError::KeyReused) => Err(PlaceError::KeyReused),
        Err(CommitError::ExternalIdTaken) => Err(PlaceError::ExternalIdTaken),
        Err(CommitError::Stale) => Err(PlaceError::Refused(
            "an order with this id exists".to_owned(),
        )),
        Err(CommitError::Refused(reason)) => Err(PlaceError::Refused(reason)),
        Err(CommitError::Store(error)) => Err(PlaceError::Store(error)),
    }
}
