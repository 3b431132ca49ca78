//! The folders that settings name. Files that hold orders are for the owner of the process alone: folders get mode 0700, files
//! 0600, whatever the umask was. The process sets its own umask, because libraries make most of the files: SQLite's files
//! with their logs, the receipts of a folder, temporary files. `serve` and `migrate` do so before they make anything; commands
//! that write files for people (`export`, the report of `import`) do not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

use crate::config::{Config, Layers, ReceiptsKind, StoreKind};

/// Refuses a setting that names a folder but leads to something else. The start makes a folder that does not exist.
pub fn check(setting: &str, folder: &Path, layers: &mut Layers) {
    let first_there = folder.ancestors().find(|path| path.exists());
    if let Some(there) = first_there
        && !there.is_dir()
    {
        let reason = format!("must name a folder: {} is a file", there.display());
        layers.refuse(setting, &reason);
    }
}

/// Every file that this process makes from now on is for its owner alone.
pub fn restrict_new_files() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Logs a warning for each folder that exists and that other users may enter. The mode may be intended, so it stays.
pub fn warn_of_open(config: &Config) {
    if config.store.kind == StoreKind::Sqlite {
        warn_if_open("store.data_dir", &config.store.data_dir);
    }
    if let (ReceiptsKind::Folder, Some(folder)) = (config.receipts.store, &config.receipts.folder) {
        warn_if_open("receipts.folder", folder);
    }
}

fn warn_if_open(setting: &str, folder: &Path) {
    let Ok(metadata) = folder.metadata() else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_dir() && mode & 0o077 != 0 {
        tracing::warn!(
            setting,
            folder = %folder.display(),
            mode = format_args!("{mode:04o}"),
            "the folder is open to other users of this machine; new files in it are for their owner alone, older ones keep \
             their modes: close it with chmod -R go= if that is not meant"
        );
    }
}
