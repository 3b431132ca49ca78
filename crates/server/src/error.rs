//! Why a server was not started or did not go on: the error of this crate's boundary. Each text names the setting to change,
//! if there is one.

use std::io;
use std::net::SocketAddr;

use crate::config::ConfigError;

/// Why the server stopped, or never ran. [`ServerError::Configuration`] is permanent until a setting changes; everything else
/// may succeed when the server is started again.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration has faults.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigError),
    /// The process has a subscriber for logs already.
    #[error("cannot start the logs")]
    Logs(#[source] tracing_subscriber::util::TryInitError),
    /// The system gives no threads.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The system refuses to report signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A signal asked for the end of a process that had not started yet.
    #[error("{signal} came before the store was open")]
    StoppedEarly {
        /// Its name.
        signal: &'static str,
    },
    /// The embedded store.
    #[error(transparent)]
    Sqlite(#[from] adapter_sqlite::OpenError),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] adapter_postgres::ConnectError),
    /// The thread that opened the store broke.
    #[error("the store could not be opened")]
    Open(#[source] tokio::task::JoinError),
    /// The folder of receipts.
    #[error(transparent)]
    Receipts(#[from] adapter_object_store::OpenError),
    /// An address is taken or not allowed.
    #[error(
        "cannot listen on {addr}: stop what uses it, or choose another address (setting {setting})"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output is closed.
    #[error("cannot print the address")]
    Announce(#[source] io::Error),
    /// A task ended before the stop. The store and everything answered are intact.
    #[error("{what}; the process stops, start it again")]
    TaskEnded {
        /// Which task, and why.
        what: String,
    },
}
