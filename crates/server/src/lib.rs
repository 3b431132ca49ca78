//! The server as a library: reads and checks the configuration, opens the store, wires store, use cases, edges and workers
//! together, and supervises what runs. Called by the command line `ordermill`, by the benchmark for its ceilings, and by the
//! broken twins of the fault tests. It holds no rule of an order and parses no command line of its own.

mod check;
pub mod config;
mod flags;
mod grpc;
mod http;
mod logs;
pub mod nearest;
mod open_files;
mod owner_only;
mod receipts;
mod roles;
mod signals;
mod store;
mod supervisor;
mod wiring;
mod work;

use anyhow::Context as _;

pub use check::check;
pub use flags::ServeFlags;
pub use grpc::settings as grpc_settings;
pub use http::settings as http_settings;
pub use roles::Role;
pub use store::migrate;
pub use wiring::{Companion, Wiring};

use config::{Config, Layers};

/// Serves until a signal stops it.
///
/// # Errors
/// A configuration that cannot be started with, or a failure of the start or of a supervised task.
pub fn run(role: Role, config: Config, mut layers: Layers, wiring: Wiring) -> anyhow::Result<()> {
    logs::start(&config.log)?;
    for line in layers.alias_lines() {
        tracing::info!("environment: {line}");
    }
    let checked = check(config, &mut layers)?;
    owner_only::restrict_new_files();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(roles::run(role, checked, wiring))
}
