//! The receipt store that the configuration names: checked, then opened.

use std::sync::Arc;

use adapter_object_store::ReceiptFolder;
use anyhow::Context as _;
use application::Receipts;

use crate::check::check_folder;
use crate::config::{Config, Layers, ReceiptsKind};

/// Refuses a folder that cannot be one.
pub fn check(config: &Config, layers: &mut Layers) {
    if let (ReceiptsKind::Folder, Some(folder)) = (config.receipts.store, &config.receipts.folder) {
        check_folder("receipts.folder", folder, layers);
    }
}

/// The receipt store, ready to be written to.
///
/// # Errors
/// If the folder cannot be used.
pub fn open(config: &Config) -> anyhow::Result<Receipts> {
    match config.receipts.store {
        ReceiptsKind::Embedded => Ok(Receipts::Rendered),
        ReceiptsKind::Folder => {
            let folder = config.receipts.folder.as_deref();
            let folder = folder.context("receipts.folder names no folder")?;
            Ok(Receipts::Outside(Arc::new(ReceiptFolder::open(folder)?)))
        }
    }
}
