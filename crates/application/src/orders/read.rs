//! What reads take, answer and refuse.

use std::sync::Arc;

use domain::{Order, OrderId, Status};

use crate::access::Forbidden;
use crate::ports::{ListFilter, ReceiptError, SequencedEvent, StoreError};

/// Why a read was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The caller may not read it. Permanent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed, or did not answer by the deadline. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a receipt was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadReceiptError {
    /// The caller may not read it. Permanent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The order store failed, or a store did not answer by the deadline. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt store failed. Retryable.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl From<ReadError> for ReadReceiptError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Forbidden(forbidden) => Self::Forbidden(forbidden),
            ReadError::Store(error) => Self::Store(error),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// What to show.
    pub filter: ListFilter,
    /// Only orders with a smaller id: where the previous page ended.
    pub before: Option<OrderId>,
    /// The most orders to return.
    pub limit: usize,
}

/// What a name means that comes without its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedOrder {
    /// Nothing.
    Unknown,
    /// This order.
    Order(Arc<Order>),
    /// Orders of several users: an external id is a user's own.
    Several,
}

/// An order with some of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvents {
    /// The order; the events may have been read a moment later.
    pub order: Arc<Order>,
    /// Its events, ascending by version.
    pub events: Vec<SequencedEvent>,
}

/// What was found for the receipt of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundReceipt {
    /// There is no such order.
    UnknownOrder,
    /// The order has no receipt while it has this status.
    NotYet {
        /// The order's status.
        status: Status,
    },
    /// The receipt's text.
    Text(String),
}
