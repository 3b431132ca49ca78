//! Whether new orders would find room: on the disk of the data folder, and in the index.
//!
//! The store asks while its commits fail; nothing here touches what is stored.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{PROBE_BYTES, StoreError};

use crate::failure::{full, unavailable};
use crate::index::memtable::Memtable;

/// Fails where a new order would fail.
pub(crate) async fn probe(data_dir: PathBuf, memtable: Arc<Memtable>) -> Result<(), StoreError> {
    let probing = tokio::task::spawn_blocking(move || {
        write_and_forget(&data_dir).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(error),
            _ => unavailable(error),
        })?;
        if memtable.wait_for_room(Duration::ZERO) {
            Ok(())
        } else {
            Err(unavailable("the index of orders is behind"))
        }
    });
    probing
        .await
        .unwrap_or_else(|error| Err(unavailable(error)))
}

/// Writes a file of [`PROBE_BYTES`] to the disk. It has no name, so that nothing is left of it, whatever happens.
fn write_and_forget(dir: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(dir)?;
    // Not zeros, which some file systems keep without taking room.
    file.write_all(&vec![0x5a; PROBE_BYTES])?;
    file.sync_all()
}
