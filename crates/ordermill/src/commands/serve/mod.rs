//! `serve`: runs the server until a signal stops it; with `--demo` it feeds the bundled sample of orders to itself.

mod demo;
mod sample;

use std::process::ExitCode;

use server::config::{self, Override};
use server::{Companion, ServeFlags, Wiring};

/// The folder of `--demo` if no other is named: a demonstration never touches real orders.
const DEMO_DATA_DIR: &str = "ordermill-demo-data";

/// Flags of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill serve --demo\n\
         Example: ordermill serve --data-dir /var/lib/ordermill --config /etc/ordermill.toml\n\
         Example: ordermill serve --set handler.kind=http --set handler.url=http://localhost:9000/orders")]
pub struct ServeCommand {
    #[command(flatten)]
    server: ServeFlags,
    /// Feed the bundled sample of real orders, in a data folder of its own
    #[arg(long)]
    demo: bool,
}

/// Serves until a signal stops it.
///
/// # Errors
/// A configuration that cannot be started with, or a failure of the start or of a supervised task.
pub fn run(command: &ServeCommand) -> anyhow::Result<ExitCode> {
    let flags = &command.server;
    let mut overrides = flags.overrides();
    if command.demo && flags.data_dir.is_none() {
        overrides.push(Override::new("store.data_dir", DEMO_DATA_DIR, "--demo"));
    }
    let (config, layers) = config::load(&flags.config, &overrides)?;
    let feed: Companion = Box::new(|addr, stop| Box::pin(demo::feed(addr, stop)));
    let wiring = Wiring {
        companion: command.demo.then_some(("the demonstration", feed)),
    };
    server::run(flags.role, config, layers, wiring)?;
    Ok(ExitCode::SUCCESS)
}
