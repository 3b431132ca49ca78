//! The server as a library: reads and checks the configuration, opens the store, wires store, use cases, edges and workers
//! together, and supervises what runs. Called by the command line `ordermill`, by the benchmark for its ceilings, and by the
//! broken twins of the fault tests. It holds no rule of an order and parses no command line of its own.

mod check;
pub mod config;
mod edges;
mod error;
mod flags;
mod folders;
mod listeners;
mod logs;
mod open_files;
mod receipts;
mod roles;
mod signals;
mod store;
mod supervisor;
mod wiring;
mod work;

pub use config::{ConfigError, ConfigFlags, Configuration, Override};
pub use edges::{grpc_settings, http_settings};
pub use error::ServerError;
pub use flags::ServeFlags;
pub use roles::Role;
pub use store::migrate;
pub use supervisor::Supervisor;
pub use wiring::{Shipped, Wiring};

/// Checks everything that [`run`] checks before it opens anything.
///
/// # Errors
/// Every fault at once.
pub fn check(configuration: Configuration) -> Result<(), ConfigError> {
    check::check(configuration).map(|_| ())
}

/// Serves in this role until a signal stops it. Starts the logs of the process, raises its limit of open files, and restricts
/// the files that it makes to its owner; a second signal ends the process with exit code 1.
///
/// # Errors
/// A configuration that cannot be started with, or a failure of the start or of a supervised task.
pub fn run(
    role: Role,
    configuration: Configuration,
    wiring: &mut dyn Wiring,
) -> Result<(), ServerError> {
    logs::start(&configuration.settings.log).map_err(ServerError::Logs)?;
    for line in configuration.alias_lines() {
        tracing::info!("environment: {line}");
    }
    let checked = check::check(configuration)?;
    folders::restrict_new_files();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServerError::Runtime)?
        .block_on(roles::run(role, checked, wiring))
}
