//! What placing takes, answers and refuses.

use std::sync::Arc;

use domain::{Fault, History, IdempotencyKey, Order, PlaceOrder};

use crate::access::Forbidden;
use crate::ports::{ReceiptError, StoreError};

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The caller may not place it. Permanent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It contradicts what only the server knows, such as the present time. Permanent.
    #[error("the order was refused: {}", described(.0))]
    Invalid(Vec<Fault>),
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
        differing: Vec<String>,
    },
    /// An equal request with this key is still under way, past this caller's deadline. Retryable.
    #[error("a request with this Idempotency-Key is still under way; send it again in a moment")]
    KeyInFlight,
    /// The store cannot hold this order. Permanent.
    #[error("the order was refused by the store: {0}")]
    Refused(String),
    /// The receipt of imported history could not be stored; the order was not placed. Retryable unless a conflict.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The store failed. Retryable, with the same key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One row of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// The order.
    pub command: PlaceOrder,
    /// Its own key.
    pub key: Option<IdempotencyKey>,
    /// Set for imported history, which is never processed. It must not lie in the future.
    pub history: Option<History>,
}

fn in_words(pointers: &[String]) -> String {
    if pointers.is_empty() {
        return "its content".to_owned();
    }
    let names: Vec<&str> = pointers
        .iter()
        .map(|pointer| pointer.trim_start_matches('/'))
        .collect();
    names.join(", ")
}

fn described(faults: &[Fault]) -> String {
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.detail))
        .collect();
    faults.join("; ")
}
