//! Receipts as objects, by the crate `object_store`: today in a local folder.
//!
//! The binary opens a [`ReceiptFolder`] where the configuration asks for one and hands it to the worker and the use
//! cases as their `ReceiptStore`. It never overwrites and never deletes: a receipt is written once, and writing it
//! again finds the same bytes.

mod durable;
mod location;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use application::ports::{ReceiptError, ReceiptStore};
use async_trait::async_trait;
use domain::Receipt;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};

use durable::Directories;

/// The largest object that is read back: several times the largest receipt there can be.
const MAX_RECEIPT_BYTES: u64 = 8 * 1024 * 1024;

/// Receipts in a folder: each at the path that its key names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReceiptFolder {
    objects: Arc<LocalFileSystem>,
    directories: Arc<Directories>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the folder for receipts {folder} cannot be used: {source} (setting receipts.folder)")]
pub struct OpenError {
    /// Which one.
    pub folder: PathBuf,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl ReceiptFolder {
    /// Opens a folder, and makes it where it is not there. Blocks for a moment; called at the start alone.
    ///
    /// # Errors
    /// Where it cannot be made, or is no folder.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| OpenError {
            folder: folder.to_path_buf(),
            source,
        };
        durable::create_folder(folder).map_err(|error| refused(error.into()))?;
        let root = folder
            .canonicalize()
            .map_err(|error| refused(error.into()))?;
        // Without this a receipt that was confirmed could be gone after a power cut.
        let objects = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| refused(error.into()))?
            .with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            directories: Arc::new(Directories::below(root)),
        })
    }

    /// Makes the way to `path` durable, or the object that is there already: see [`Directories`].
    async fn durably(
        &self,
        step: impl FnOnce(&Directories) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let directories = Arc::clone(&self.directories);
        // The caller waits for it under its own deadline; the thread ends with the system call.
        tokio::task::spawn_blocking(move || step(&directories))
            .await
            .map_err(std::io::Error::other)?
    }

    async fn compare(
        &self,
        receipt: &Receipt,
        location: object_store::path::Path,
        path: PathBuf,
    ) -> Result<(), ReceiptError> {
        let conflict = || ReceiptError::Conflict {
            key: receipt.key.to_string(),
        };
        let found = self
            .objects
            .get(&location)
            .await
            .map_err(|error| classify(&receipt.key, error))?;
        if found.meta.size != receipt.text.len() as u64 {
            return Err(conflict());
        }
        let bytes = found
            .bytes()
            .await
            .map_err(|error| classify(&receipt.key, error))?;
        if bytes != receipt.text.as_bytes() {
            return Err(conflict());
        }
        // It may come from a process that died between writing it and making it durable.
        self.durably(move |directories| directories.confirm(&path))
            .await
            .map_err(|error| ReceiptError::Unavailable(error.to_string()))
    }
}

#[async_trait]
impl ReceiptStore for ReceiptFolder {
    async fn put(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        let refused = |source: object_store::Error| classify(&receipt.key, source);
        let location = location::of(&receipt.key).map_err(|error| refused(error.into()))?;
        let path = self
            .objects
            .path_to_filesystem(&location)
            .map_err(refused)?;
        let way = path.clone();
        self.durably(move |directories| directories.prepare(&way))
            .await
            .map_err(|error| classify_io(&receipt.key, error))?;
        let created = PutOptions::from(PutMode::Create);
        match self
            .objects
            .put_opts(&location, receipt.text.clone().into(), created)
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                self.compare(receipt, location, path).await
            }
            Err(error) => Err(refused(error)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, ReceiptError> {
        // A key that cannot be a location was never written.
        let Ok(location) = location::of(key) else {
            return Ok(None);
        };
        let unavailable = |error: object_store::Error| ReceiptError::Unavailable(error.to_string());
        let found = match self.objects.get(&location).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        if found.meta.size > MAX_RECEIPT_BYTES {
            return Err(ReceiptError::Unavailable(format!(
                "{key} is no receipt: {} bytes",
                found.meta.size
            )));
        }
        let bytes = found.bytes().await.map_err(unavailable)?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(ReceiptError::Unavailable(error.to_string())),
        }
    }

    async fn is_reachable(&self) -> bool {
        self.durably(Directories::look).await.is_ok()
    }
}

/// Only what no operator can mend is refused for good; a full disk or a wrong permission passes.
fn classify(key: &str, error: object_store::Error) -> ReceiptError {
    match error {
        object_store::Error::InvalidPath { .. } => ReceiptError::Refused {
            key: key.to_owned(),
            reason: error.to_string(),
        },
        other => match io_kind(&other) {
            Some(kind) if is_for_good(kind) => ReceiptError::Refused {
                key: key.to_owned(),
                reason: other.to_string(),
            },
            Some(_) | None => ReceiptError::Unavailable(other.to_string()),
        },
    }
}

fn classify_io(key: &str, error: std::io::Error) -> ReceiptError {
    if is_for_good(error.kind()) {
        ReceiptError::Refused {
            key: key.to_owned(),
            reason: error.to_string(),
        }
    } else {
        ReceiptError::Unavailable(error.to_string())
    }
}

fn is_for_good(kind: std::io::ErrorKind) -> bool {
    matches!(
        kind,
        std::io::ErrorKind::InvalidFilename | std::io::ErrorKind::InvalidInput
    )
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
