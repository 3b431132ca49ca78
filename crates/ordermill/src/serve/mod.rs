//! `serve`: the whole server in one process. Reads and checks the configuration, opens the store, listens, and runs until
//! a signal, or until a part of it fails.

mod check;
mod demo;
mod grpc;
mod http;
mod logs;
mod open_files;
mod owner_only;
mod parts;
mod process;
mod receipts;
mod signals;
mod store;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::{self, ConfigFlags, Override};

pub use check::check;
pub use grpc::settings as grpc_settings;
pub use http::settings as http_settings;
pub use store::migrate as migrate_store;

/// The folder of `--demo` if no other is named: a demonstration never touches real orders.
const DEMO_DATA_DIR: &str = "ordermill-demo-data";

/// Flags of `serve`; each is a setting, too (`ordermill config default` lists all).
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill serve --demo\n\
         Example: ordermill serve --data-dir /var/lib/ordermill --config /etc/ordermill.toml\n\
         Example: ordermill serve --set handler.kind=http --set handler.url=http://localhost:9000/orders")]
pub struct ServeFlags {
    /// What this process does; today one process does everything
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// The folder of the embedded store (setting store.data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where HTTP is served; port 0 picks a free one (setting http.addr)
    #[arg(long, value_name = "ADDRESS")]
    http_addr: Option<String>,
    /// Where WebSocket has a port of its own; "" switches it off (setting http.ws_addr)
    #[arg(long, value_name = "ADDRESS")]
    ws_addr: Option<String>,
    /// Where gRPC is served; port 0 picks a free one, "" switches it off (setting grpc.addr)
    #[arg(long, value_name = "ADDRESS")]
    grpc_addr: Option<String>,
    /// Feed the bundled sample of real orders, in a data folder of its own
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    config: ConfigFlags,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Everything: HTTP, the store and the workers
    All,
}

impl ServeFlags {
    fn overrides(&self) -> Vec<Override> {
        let mut flags = Vec::new();
        match &self.data_dir {
            Some(dir) => flags.push(Override::new(
                "store.data_dir",
                dir.to_string_lossy(),
                "--data-dir",
            )),
            None if self.demo => {
                flags.push(Override::new("store.data_dir", DEMO_DATA_DIR, "--demo"))
            }
            None => {}
        }
        if let Some(addr) = &self.http_addr {
            flags.push(Override::new("http.addr", addr, "--http-addr"));
        }
        if let Some(addr) = &self.ws_addr {
            flags.push(Override::new("http.ws_addr", addr, "--ws-addr"));
        }
        if let Some(addr) = &self.grpc_addr {
            flags.push(Override::new("grpc.addr", addr, "--grpc-addr"));
        }
        flags
    }
}

/// Serves until a signal stops it.
///
/// # Errors
/// A configuration that cannot be started with, or a failure of the start or of a running part.
pub fn run(flags: ServeFlags) -> anyhow::Result<ExitCode> {
    let Role::All = flags.role;
    let (config, mut layers) = config::load(&flags.config, &flags.overrides())?;
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
        .block_on(process::run(checked, flags.demo))
}
