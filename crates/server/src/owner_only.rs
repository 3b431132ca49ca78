//! Files that hold orders are for the owner of the process alone: folders get mode 0700, files 0600, whatever the umask was.
//! The process sets its own umask, because much of what is made is made by libraries: SQLite's files with their logs, the
//! receipts of a folder, temporary files. `serve` and `migrate` call it before they make anything; commands that write
//! files for people (`export`, the report of `import`) do not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

use crate::config::{Config, ReceiptsKind, StoreKind};

/// Everything that this process makes from now on is for its owner alone.
pub fn restrict_new_files() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Logs a warning for each folder that is there and that other users may enter. Its mode may be meant, so it stays.
pub fn warn_of_open_folders(config: &Config) {
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
