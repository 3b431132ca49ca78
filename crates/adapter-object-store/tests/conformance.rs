//! The promises of the receipt store's port, kept by a local folder.

use std::sync::Arc;

use adapter_object_store::ReceiptFolder;
use application::ports::ReceiptStore;
use async_trait::async_trait;
use port_conformance::receipt_store::{OpenReceiptStore, ReceiptStoreFactory};
use tempfile::TempDir;

/// Opens each store in a folder of its own.
struct Folders;

struct Opened {
    folder: TempDir,
    store: Arc<ReceiptFolder>,
}

impl Opened {
    fn within(folder: TempDir) -> Box<dyn OpenReceiptStore> {
        let store = ReceiptFolder::open(folder.path()).expect("a temporary folder can be used");
        Box::new(Self {
            folder,
            store: Arc::new(store),
        })
    }
}

#[async_trait]
impl ReceiptStoreFactory for Folders {
    async fn fresh(&self) -> Box<dyn OpenReceiptStore> {
        Opened::within(tempfile::tempdir().expect("a temporary folder can be made"))
    }
}

#[async_trait]
impl OpenReceiptStore for Opened {
    fn store(&self) -> Arc<dyn ReceiptStore> {
        Arc::clone(&self.store) as Arc<dyn ReceiptStore>
    }

    async fn reopen(self: Box<Self>) -> Box<dyn OpenReceiptStore> {
        let Self { folder, store } = *self;
        drop(store);
        Self::within(folder)
    }
}

port_conformance::receipt_store_suite!(Folders);
