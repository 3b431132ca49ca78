//! Where receipts live: in the order store itself, or in a store of their own.

use std::sync::Arc;

use crate::ports::ReceiptStore;

/// The place of receipts, chosen once by the configuration.
#[derive(Clone)]
pub enum Receipts {
    /// In the order store, written by the commit that makes the order PROCESSED.
    InStore,
    /// Elsewhere, written before the order becomes PROCESSED.
    Outside(Arc<dyn ReceiptStore>),
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InStore => "InStore",
            Self::Outside(_) => "Outside",
        })
    }
}
