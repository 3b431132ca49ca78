//! The receipt store that the configuration names: checked, then opened.

use std::sync::Arc;

use adapter_object_store::{OpenError, ReceiptFolder};
use application::Receipts;

use crate::config::{Config, Layers, ReceiptsKind};
use crate::folders;

/// Refuses a folder that cannot be one.
pub fn check(config: &Config, layers: &mut Layers) {
    if let (ReceiptsKind::Folder, Some(folder)) = (config.receipts.store, &config.receipts.folder) {
        folders::check("receipts.folder", folder, layers);
    }
}

/// The receipt store, ready to be written to.
///
/// # Errors
/// If the folder cannot be used.
pub fn open(config: &Config) -> Result<Receipts, OpenError> {
    match config.receipts.store {
        ReceiptsKind::Embedded => Ok(Receipts::Rendered),
        ReceiptsKind::Folder => {
            let folder = config.receipts.folder.as_deref();
            let folder = folder.expect("a folder store without a folder is refused by the check");
            Ok(Receipts::Outside(Arc::new(ReceiptFolder::open(folder)?)))
        }
    }
}
