//! The data folder: the names of its files, and the lock that ensures that one process at a time uses it. Every thread of
//! the store holds it; it never reads or writes the databases.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::options::OpenError;

/// Holds the lock of a data folder. Dropping it releases the lock, as does the end of the process.
#[derive(Debug)]
pub(crate) struct DataFolder {
    dir: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if it does not exist, and locks it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder {
            dir: dir.to_owned(),
            source,
        };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                dir: dir.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn orders(&self) -> PathBuf {
        self.dir.join("orders.db")
    }

    /// The index file of a generation. A rebuild writes the next generation beside the one in use.
    pub(crate) fn index(&self, generation: u64) -> PathBuf {
        self.dir.join(format!("index-{generation}.db"))
    }

    /// The generations of the existing index files, ascending.
    pub(crate) fn index_generations(&self) -> std::io::Result<Vec<u64>> {
        let mut generations = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let generation = name
                .to_str()
                .and_then(|name| name.strip_prefix("index-")?.strip_suffix(".db"))
                .and_then(|number| number.parse::<u64>().ok());
            generations.extend(generation);
        }
        generations.sort_unstable();
        Ok(generations)
    }

    /// Removes the index file of a generation. Threads that have it open can continue to read it.
    pub(crate) fn remove_index(&self, generation: u64) -> std::io::Result<()> {
        let path = self.index(generation);
        for suffix in ["-wal", "-shm", ""] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            match fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
