//! Where receipts are kept, as the configuration says.

use std::path::Path;
use std::sync::Arc;

use adapter_object_store::ReceiptFolder;
use application::Receipts;

use crate::config::{Config, ReceiptsKind};

/// The place of receipts, ready to be written to.
///
/// # Errors
/// Where the folder cannot be used.
pub fn open(config: &Config) -> anyhow::Result<Receipts> {
    match config.receipts.store {
        ReceiptsKind::Embedded => Ok(Receipts::Rendered),
        ReceiptsKind::Folder => {
            let folder = config
                .receipts
                .folder
                .as_deref()
                .unwrap_or_else(|| Path::new("receipts"));
            Ok(Receipts::Outside(Arc::new(ReceiptFolder::open(folder)?)))
        }
    }
}
