//! Taking orders, one or many: decide, commit, and tell a new order from one that was there before.

use std::sync::Arc;

use domain::{History, IdempotencyKey, Order, OrderId, PlaceOrder, Receipt, Status};
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout_at;

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
        "the external_id names another order of this user, which differs in {}; use a new external_id, or send the same body",
        in_words(differing)
    )]
    ExternalIdTaken {
        /// The fields that differ, as JSON pointers; empty if the other order could not be read.
        differing: Vec<&'static str>,
    },
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
    /// Set for imported history, which is never processed.
    pub history: Option<History>,
}

/// Receipts of imported history that are written at a time.
const RECEIPTS_AT_A_TIME: usize = 16;

fn in_words(pointers: &[&str]) -> String {
    if pointers.is_empty() {
        return "its content".to_owned();
    }
    let names: Vec<&str> = pointers
        .iter()
        .map(|pointer| pointer.trim_start_matches('/'))
        .collect();
    names.join(", ")
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
        let mut results = self.store.writer.commit(vec![write], caller.deadline).await;
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
        self.placed(caller, order, result).await
    }

    /// Places many orders, each on its own; one answer a row, in the same order.
    pub async fn place_batch(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        let decided = stream::iter(rows)
            .map(|row| self.decide_row(caller, row))
            .buffered(RECEIPTS_AT_A_TIME);
        let decided: Vec<Result<Write, PlaceError>> = decided.collect().await;
        let mut orders = Vec::with_capacity(decided.len());
        let mut writes = Vec::with_capacity(decided.len());
        for write in decided {
            orders.push(write.map(|write| {
                let order = Arc::clone(&write.decision.order);
                writes.push(write);
                order
            }));
        }
        let mut results = self
            .store
            .writer
            .commit(writes, caller.deadline)
            .await
            .into_iter();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = match order {
                Ok(order) => {
                    let result = results.next().expect("a store answers each write");
                    self.placed(caller, order, result).await
                }
                Err(error) => Err(error),
            };
            answers.push(answer);
        }
        answers
    }

    async fn decide_row(&self, caller: &Caller, row: BatchRow) -> Result<Write, PlaceError> {
        match row.history {
            None => Ok(self.decide_new(caller, row.command, row.key)),
            Some(history) => {
                self.decide_history(caller, row.command, row.key, history)
                    .await
            }
        }
    }

    fn decide_new(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Write {
        let now = self.clock.now();
        let id = self.ids.order_id(now, &command.user_id);
        let guard = guard(&command, key);
        let decision = Order::place(
            command,
            id,
            now,
            caller.cause(None),
            self.receipts.location(),
        );
        Write { decision, guard }
    }

    /// Imported history. A receipt that is stored is written first, as for every order that becomes PROCESSED; none is
    /// written for an order that exists already. The id follows from what the order is known by, so that a call that
    /// is repeated writes the same receipt again and leaves none behind that belongs to no order.
    async fn decide_history(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
        history: History,
    ) -> Result<Write, PlaceError> {
        let known = match (&self.receipts, &command.external_id) {
            (Receipts::Outside(_), Some(external_id)) => self
                .store
                .reader
                .find(&command.user_id, external_id)
                .await?
                .is_some(),
            (Receipts::Outside(_) | Receipts::Rendered, _) => false,
        };
        let random = history_random(&command, key.as_ref()).unwrap_or_else(|| self.ids.random());
        let id = OrderId::new(history.created_at, &command.user_id, random);
        let guard = guard(&command, key);
        let decision = Order::place_history(
            command,
            id,
            history.created_at,
            caller.cause(None),
            self.receipts.location(),
            history.status,
        )
        .expect("the state machine leads from PENDING to PROCESSED and to CANCELLED");
        let order = &decision.order;
        if let (Receipts::Outside(store), Status::Processed, false) =
            (&self.receipts, order.status, known)
        {
            store.put(&Receipt::of(order)).await?;
        }
        Ok(Write { decision, guard })
    }

    async fn placed(
        &self,
        caller: &Caller,
        order: Arc<Order>,
        result: Result<Committed, CommitError>,
    ) -> Result<Placed, PlaceError> {
        match result {
            Ok(Committed::Written { .. }) => Ok(Placed::Created(order)),
            Ok(Committed::Replayed(order)) => Ok(Placed::Replayed(Arc::new(order.as_created()))),
            Ok(Committed::Existing(order)) => Ok(Placed::Existing(order)),
            Err(CommitError::KeyReused) => Err(PlaceError::KeyReused),
            // Boxed, so that the future of every placed order need not have room for this one.
            Err(CommitError::ExternalIdTaken) => Err(PlaceError::ExternalIdTaken {
                differing: Box::pin(self.differing_facts(caller, &order)).await,
            }),
            Err(CommitError::Stale) => Err(PlaceError::Refused(
                "an order with this id exists, or existed and was erased".to_owned(),
            )),
            Err(CommitError::Refused(reason)) => Err(PlaceError::Refused(reason)),
            Err(CommitError::Store(error)) => Err(PlaceError::Store(error)),
        }
    }

    /// In what the order that holds the external id differs from `order`. The refusal is certain already; it is only
    /// less helpful if the other order cannot be read in time.
    async fn differing_facts(&self, caller: &Caller, order: &Order) -> Vec<&'static str> {
        let Some(external_id) = &order.external_id else {
            return Vec::new();
        };
        let reading = self.store.reader.find(&order.user_id, external_id);
        match timeout_at(caller.deadline, reading).await {
            Ok(Ok(Some(existing))) => existing.differing_facts(order),
            Ok(Ok(None) | Err(_)) | Err(_) => Vec::new(),
        }
    }
}

fn guard(command: &PlaceOrder, key: Option<IdempotencyKey>) -> Guard {
    let fingerprint =
        (key.is_some() || command.external_id.is_some()).then(|| command.fingerprint());
    Guard::New { key, fingerprint }
}

/// The random bits of an imported order's id, from what it is known by and what it says; `None` if it has no name.
fn history_random(command: &PlaceOrder, key: Option<&IdempotencyKey>) -> Option<u64> {
    let name = match (&command.external_id, key) {
        (Some(external_id), _) => external_id.as_str(),
        (None, Some(key)) => key.as_str(),
        (None, None) => return None,
    };
    let digest: [u8; 32] = Sha256::new()
        .chain_update(command.fingerprint().0)
        .chain_update(name.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}
