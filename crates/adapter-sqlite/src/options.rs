//! The options of a store, and the errors of opening it. The binary makes the options; tests also set the tuning.

use std::path::PathBuf;

/// The folder of the store and the sizes of its queues. The binary fills it from the configuration, which has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The folder of all files; created if it is missing. One process at a time uses it.
    pub data_dir: PathBuf,
    /// The most decisions that wait for the writer. If there are more, new orders are refused as overloaded. Outcomes of work
    /// in progress are accepted up to twice this number.
    pub queue: usize,
    /// About the most decisions in one commit.
    pub batch: usize,
    /// Sizes that operators do not set.
    pub tuning: Tuning,
}

/// Sizes that operators do not set. Tests make them small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The number of reading threads.
    pub readers: usize,
    /// The most reads that wait for them.
    pub read_queue: usize,
    /// The most new orders whose lists and unique keys are only in the memtable. If there are more, the writer waits for the
    /// indexer.
    pub unindexed: usize,
    /// The most unclaimed orders that have no row in the table `jobs` but only an entry in the log and 40 bytes of memory.
    /// Further new orders get a row, which makes it several times as costly to place them.
    pub unclaimed_window: usize,
    /// About how many events of the log a start searches for unclaimed orders and for claims of the previous process. Older
    /// orders that are still open get a row in the table `jobs`.
    pub searched_events: u64,
    /// The number of events that are kept in memory for followers of the store.
    pub recent_events: usize,
    /// Writes orders without a flush to the disk, so that a power cut loses confirmed orders. It exists only for the fault
    /// tests, which have to detect it.
    #[cfg(feature = "broken-twins")]
    pub synchronous_off: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            readers: 2,
            read_queue: 1_024,
            unindexed: 131_072,
            unclaimed_window: 524_288,
            searched_events: 1_000_000,
            recent_events: 2_048,
            #[cfg(feature = "broken-twins")]
            synchronous_off: false,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the folder. Permanent until that process stops.
    #[error("the data folder {dir} is used by another process; stop it, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be created or written.
    #[error("the data folder {dir} cannot be used: {source}", dir = .dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A newer version of the program wrote the folder. Permanent for this version.
    #[error("the data folder {dir} has schema version {found}, this program knows versions up to {known}; use the newer program", dir = .dir.display())]
    NewerSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// An earlier build, which was never released, wrote the folder. Permanent for this version.
    #[error("the data folder {dir} has schema version {found} of an unreleased build, this program reads version {known} only; export it with the build that wrote it, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    EarlierSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
        /// The version that this program reads.
        known: i32,
    },
    /// A build that was never released wrote the folder. Permanent for this version.
    #[error("the data folder {dir} has schema version {found} of an unreleased build, which differs from this program's; export it with that build, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    ForeignSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
    },
    /// The tables cannot be created.
    #[error("the tables of the data folder {dir} cannot be created: {source}", dir = .dir.display())]
    Migration {
        /// The folder.
        dir: PathBuf,
        /// The error of the migration.
        source: Box<refinery::Error>,
    },
    /// SQLite failed.
    #[error("the data folder {dir} cannot be read: {source}", dir = .dir.display())]
    Database {
        /// The folder.
        dir: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The stored data is inconsistent.
    #[error("the data folder {dir} holds inconsistent data: {reason}", dir = .dir.display())]
    Corrupt {
        /// The folder.
        dir: PathBuf,
        /// The inconsistency.
        reason: String,
    },
    /// A thread cannot be started.
    #[error("a thread of the store cannot be started: {0}")]
    Thread(std::io::Error),
}
