//! Where receipts are kept when not in the order store itself.

use async_trait::async_trait;
use domain::Receipt;

/// Why a receipt was not stored or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The store cannot be reached, or failed in a way that may pass; the text says why. Retryable; the order waits.
    #[error("the receipt store is unavailable: {0}")]
    Unavailable(String),
    /// Another text is stored at this key. Permanent: a receipt is never changed.
    #[error("another receipt is kept at {key}")]
    Conflict {
        /// The key.
        key: String,
    },
    /// The store refuses it permanently (a key that it cannot hold). What an operator can mend is `Unavailable`.
    #[error("the receipt store refuses {key}: {reason}")]
    Refused {
        /// The key.
        key: String,
        /// What the store answered.
        reason: String,
    },
}

/// Keeps receipts: written once, never changed.
#[async_trait]
pub trait ReceiptStore: Send + Sync + 'static {
    /// Stores a receipt; durable when it returns. An object that is there with equal bytes is a success.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    async fn put(&self, receipt: &Receipt) -> Result<(), ReceiptError>;

    /// The text at `key`, if there is one.
    ///
    /// # Errors
    /// [`ReceiptError::Unavailable`].
    async fn get(&self, key: &str) -> Result<Option<String>, ReceiptError>;

    /// Whether the store can be reached now, cheaply: nothing is claimed while it cannot.
    async fn is_reachable(&self) -> bool;
}
