//! Where receipts are kept: nowhere, because they can be rendered from the order, or in a store of their own.

use std::sync::Arc;

use domain::ReceiptLocation;

use crate::ports::ReceiptStore;

/// Where the receipts of new orders are kept, chosen once by the configuration.
#[derive(Clone)]
pub enum Receipts {
    /// Nowhere: each is rendered when it is read.
    Rendered,
    /// In this store, written before the order becomes PROCESSED.
    Outside(Arc<dyn ReceiptStore>),
}

impl Receipts {
    /// What an order is created with.
    #[must_use]
    pub const fn location(&self) -> ReceiptLocation {
        match self {
            Self::Rendered => ReceiptLocation::Rendered,
            Self::Outside(_) => ReceiptLocation::Stored,
        }
    }

    /// The store that an order's receipt belongs to; `None` if it is rendered, or if no store is configured any more.
    #[must_use]
    pub fn store_for(&self, location: ReceiptLocation) -> Option<&Arc<dyn ReceiptStore>> {
        match (self, location) {
            (Self::Outside(store), ReceiptLocation::Stored) => Some(store),
            (Self::Outside(_), ReceiptLocation::Rendered) | (Self::Rendered, _) => None,
        }
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rendered => "Rendered",
            Self::Outside(_) => "Outside",
        })
    }
}
