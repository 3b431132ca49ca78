//! Checks whether there is space for new orders, on the disk of the data folder and in the index.
//!
//! The store calls it from `probe_commit` while its commits fail. Nothing here reads or changes what is stored.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{PROBE_BYTES, StoreError};

use crate::failure::{full, unavailable};
use crate::index::memtable::Memtable;

/// Fails with the error that a new order would fail with for lack of space.
pub(crate) async fn probe(data_dir: PathBuf, memtable: Arc<Memtable>) -> Result<(), StoreError> {
    let probing = tokio::task::spawn_blocking(move || {
        write_temporary_file(&data_dir).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(error),
            _ => unavailable(error),
        })?;
        if memtable.wait_for_space(Duration::ZERO) {
            Ok(())
        } else {
            Err(unavailable("the index of orders is behind"))
        }
    });
    probing
        .await
        .unwrap_or_else(|error| Err(unavailable(error)))
}

/// Writes [`PROBE_BYTES`] to an unnamed file, which the system removes even if the process dies.
fn write_temporary_file(dir: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(dir)?;
    // Some file systems store zeros without using space.
    file.write_all(&vec![0x5a; PROBE_BYTES])?;
    file.sync_all()
}
