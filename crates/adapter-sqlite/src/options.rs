//! How the store is opened, and why it may not be.

use std::path::PathBuf;

/// The folder of the store and the sizes of its queues. The binary fills it from the configuration, which alone has defaults
/// of what operators set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The folder that holds everything; made if it is missing. One process uses it at a time.
    pub data_dir: PathBuf,
    /// The most decisions that wait for the writer; past it new orders are refused as overloaded. The outcomes of
    /// work that is under way may fill as much again.
    pub queue: usize,
    /// The most decisions in one commit.
    pub batch: usize,
    /// What operators do not set.
    pub tuning: Tuning,
}

/// Sizes that operators do not set; tests make them small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// Threads that read.
    pub readers: usize,
    /// The most reads that wait for them.
    pub read_queue: usize,
    /// The most new orders that are listed by user, key and external id in memory alone, before the writer waits for
    /// the index.
    pub unindexed: usize,
    /// The most new orders that wait for a worker in memory and in the log alone, with 40 bytes of memory each; further ones
    /// are put among the jobs, which makes it several times as costly to place them.
    pub fresh_window: usize,
    /// About how many events a start searches for new orders that wait and for claims of an earlier process. What is older
    /// and still open is put among the jobs.
    pub searched_events: u64,
    /// The most recent events that are kept in memory for those who follow the store.
    pub recent_events: usize,
    /// Writes orders without any flush to the disk, so that a power cut loses what was confirmed. Exists for the fault
    /// tests alone, which have to notice.
    #[cfg(feature = "broken-twins")]
    pub synchronous_off: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            readers: 2,
            read_queue: 1_024,
            unindexed: 131_072,
            fresh_window: 524_288,
            searched_events: 1_000_000,
            recent_events: 2_048,
            #[cfg(feature = "broken-twins")]
            synchronous_off: false,
        }
    }
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it. Permanent until that one stops.
    #[error("the data folder {dir} is used by another process; stop it, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be made or written.
    #[error("the data folder {dir} cannot be used: {source}", dir = .dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A newer program wrote it. Permanent for this program.
    #[error("the data folder {dir} has schema version {found}, this program knows versions up to {known}; use the newer program", dir = .dir.display())]
    NewerSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// An earlier build, which was never released, wrote it. Permanent for this program.
    #[error("the data folder {dir} has schema version {found} of an unreleased build, this program reads version {known} only; export it with the build that wrote it, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    EarlierSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
        /// The one that this program reads.
        known: i32,
    },
    /// A build that was never released wrote it. Permanent for this program.
    #[error("the data folder {dir} has another schema of version {found} than this program's, as an unreleased build makes it; export it with that build, or choose another folder (setting store.data_dir)", dir = .dir.display())]
    ForeignSchema {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i32,
    },
    /// The schema could not be written.
    #[error("the tables of the data folder {dir} could not be made: {source}", dir = .dir.display())]
    Migration {
        /// The folder.
        dir: PathBuf,
        /// What went wrong.
        source: Box<refinery::Error>,
    },
    /// SQLite failed.
    #[error("the data folder {dir} cannot be read: {source}", dir = .dir.display())]
    Database {
        /// The folder.
        dir: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// What is stored contradicts itself.
    #[error("the data folder {dir} holds something unreadable: {reason}", dir = .dir.display())]
    Corrupt {
        /// The folder.
        dir: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A thread could not be started.
    #[error("a thread of the store could not be started: {0}")]
    Thread(std::io::Error),
}
