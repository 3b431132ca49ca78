//! Makes the way to an object durable. The crate `object_store` syncs a file and the folders that it created itself;
//! it does not sync a folder that another call has just created, nor an object that was there already. Both gaps are
//! closed here: a receipt is durable once it is confirmed, whoever wrote it.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folders below a root, and which of them are known to be durable.
#[derive(Debug)]
pub(crate) struct Directories {
    root: PathBuf,
    durable: Mutex<HashSet<PathBuf>>,
}

/// Past so many known folders they are forgotten and synced again: the set stays small.
const MOST_KNOWN: usize = 100_000;

impl Directories {
    pub(crate) fn below(root: PathBuf) -> Self {
        Self {
            root,
            durable: Mutex::default(),
        }
    }

    /// Makes the folders that lead to `path`, durably. The root itself is never made: where it has gone (a disk that
    /// is not mounted), nothing must be written beside it.
    pub(crate) fn prepare(&self, path: &Path) -> io::Result<()> {
        let Some(folder) = path.parent() else {
            return Ok(());
        };
        if self.is_known(folder) && folder.is_dir() {
            return Ok(());
        }
        let below_root = folder.strip_prefix(&self.root).map_err(io::Error::other)?;
        let mut way = self.root.clone();
        for part in below_root.components() {
            let parent = way.clone();
            way.push(part);
            match std::fs::create_dir(&way) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                // Who has made it may not have synced it yet.
                Ok(()) | Err(_) => sync_folder(&parent)?,
            }
        }
        self.remember(folder);
        Ok(())
    }

    /// Makes an object that is there already durable.
    pub(crate) fn confirm(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()?;
        path.parent().map_or(Ok(()), sync_folder)
    }

    /// Whether the root is there.
    pub(crate) fn look(&self) -> io::Result<()> {
        if std::fs::metadata(&self.root)?.is_dir() {
            Ok(())
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    fn is_known(&self, folder: &Path) -> bool {
        let durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        durable.contains(folder)
    }

    fn remember(&self, folder: &Path) {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() >= MOST_KNOWN {
            durable.clear();
        }
        durable.insert(folder.to_path_buf());
    }
}

/// Makes a folder with everything above it, durably.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut way = std::path::absolute(folder)?;
    sync_folder(&way)?;
    // One level up holds the entry; further levels are synced as far as this user may open them.
    while way.pop() {
        if sync_folder(&way).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened to be synced; the file system is on its own.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
